//! `cargo xtask start`: builds and runs a server and the shop from a checkout.

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::context::{self, Context};
use crate::stack::{Plan, Stack};
use crate::{binary, interrupt, setup, site};

/// The programs to run and their addresses.
#[derive(Debug, Args)]
pub(crate) struct StartOptions {
    /// Run the server only, without the example shop
    #[arg(long)]
    no_demo: bool,

    /// Address of the control panel, of native ingest and of OTLP/HTTP
    #[arg(long, default_value = "127.0.0.1:3000")]
    addr: String,

    /// Second address for OTLP/HTTP, where OpenTelemetry SDKs look by default
    #[arg(long, default_value = "127.0.0.1:4318")]
    otlp_addr: String,

    /// Address for OTLP/gRPC
    #[arg(long, default_value = "127.0.0.1:4317")]
    otlp_grpc_addr: String,

    /// Address of the example shop
    #[arg(long, default_value = "127.0.0.1:3100")]
    shop_addr: String,

    /// Folder for the private database cluster [default: that of `throughline serve`]
    #[arg(long, env = "THROUGHLINE_DATA_DIR")]
    data_dir: Option<PathBuf>,

    /// An existing Postgres 15 or later instead of a private cluster
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
}

/// Sets up, builds, and runs until Ctrl-C.
pub(crate) fn run(context: &mut Context, options: &StartOptions) -> Result<ExitCode> {
    let claim = setup::compiler(context)?;
    let tools = setup::tools(context)?;
    if options.database_url.is_none() {
        setup::postgres::prepare(context)?;
    }
    site::build(context, &tools, &site::PANEL)?;
    let mut packages = vec!["build", "--release", "-p", "throughline-server"];
    if !options.no_demo {
        site::build(context, &tools, &site::SHOP)?;
        packages.extend(["-p", "throughline-shop"]);
    }
    context.cargo(&packages).run()?;
    // The build is complete, so another checkout may use the target folder.
    drop(claim);

    let mut stack = Stack::start(context, &plan(context, options)?)?;
    println!();
    println!("  control panel  http://{}", options.addr);
    if !options.no_demo {
        println!("  example shop   http://{}", options.shop_addr);
    }
    println!("  Ctrl-C stops everything.");
    println!();
    while !interrupt::requested() {
        if let Err(error) = stack.check() {
            stack.stop()?;
            return Err(error);
        }
        thread::sleep(Duration::from_millis(100));
    }
    println!("stopping");
    stack.stop()?;
    println!("stopped");
    Ok(ExitCode::SUCCESS)
}

fn plan(context: &Context, options: &StartOptions) -> Result<Plan> {
    let data_dir = match &options.data_dir {
        Some(dir) => dir.clone(),
        None => context::default_data_dir()?,
    };
    let shop =
        (!options.no_demo).then(|| (binary::release(context, "shop"), options.shop_addr.clone()));
    Ok(Plan {
        server_binary: binary::release(context, "throughline"),
        shop,
        addr: options.addr.clone(),
        otlp_addr: options.otlp_addr.clone(),
        otlp_grpc_addr: options.otlp_grpc_addr.clone(),
        data_dir: std::path::absolute(data_dir)?,
        database_url: options.database_url.clone(),
        logs: None,
    })
}
