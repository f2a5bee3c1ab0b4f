//! A running server and, beside it, the example shop in the same database cluster.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::context::Context;
use crate::process::Service;

/// The first start may have to make a database cluster, or even to fetch Postgres.
const SERVER_START: Duration = Duration::from_secs(300);
const SHOP_START: Duration = Duration::from_secs(60);

/// What to run and where.
pub(crate) struct Plan {
    pub(crate) server_binary: PathBuf,
    /// The shop's binary and address; `None` leaves it out.
    pub(crate) shop: Option<(PathBuf, String)>,
    pub(crate) addr: String,
    pub(crate) otlp_addr: String,
    pub(crate) otlp_grpc_addr: String,
    pub(crate) data_dir: PathBuf,
    /// An external database instead of the private cluster.
    pub(crate) database_url: Option<String>,
    /// A folder for log files; `None` shows the logs as they come.
    pub(crate) logs: Option<PathBuf>,
}

/// What runs. Dropping it stops the shop, then the server.
pub(crate) struct Stack {
    // Fields drop in this order.
    shop: Option<Service>,
    server: Service,
}

impl Stack {
    /// Starts the server, waits until it is ready, then the shop likewise.
    pub(crate) fn start(context: &Context, plan: &Plan) -> Result<Self> {
        let log = |name: &str| {
            plan.logs
                .as_ref()
                .map(|logs| logs.join(format!("{name}.log")))
        };
        let mut command = context
            .cmd(&plan.server_binary)
            .args([
                "serve",
                "--addr",
                &plan.addr,
                "--otlp-addr",
                &plan.otlp_addr,
                "--otlp-grpc-addr",
                &plan.otlp_grpc_addr,
                "--data-dir",
            ])
            .arg(&plan.data_dir);
        command = match &plan.database_url {
            // In the environment, where a list of processes does not show its password.
            Some(url) => command.env("DATABASE_URL", url),
            None => command.env_remove("DATABASE_URL"),
        };
        let mut server = Service::start("the server", command, log("server").as_deref())?;
        server.wait_until_ok(&plan.addr, "/readyz", SERVER_START)?;
        let mut stack = Self { shop: None, server };
        if let Some((binary, addr)) = &plan.shop {
            stack.shop = Some(start_shop(
                context,
                plan,
                binary,
                addr,
                log("shop").as_deref(),
            )?);
        }
        Ok(stack)
    }

    /// Fails when one of the two is no longer there.
    pub(crate) fn check(&mut self) -> Result<()> {
        if let Some(status) = self.server.ended()? {
            bail!("the server ended: {status}");
        }
        if let Some(shop) = &mut self.shop {
            if let Some(status) = shop.ended()? {
                bail!("the shop ended: {status}");
            }
        }
        Ok(())
    }

    /// Stops the shop, then the server, each with time to finish its work.
    pub(crate) fn stop(mut self) -> Result<()> {
        if let Some(shop) = &mut self.shop {
            shop.stop()?;
        }
        self.server.stop()
    }
}

fn start_shop(
    context: &Context,
    plan: &Plan,
    binary: &Path,
    addr: &str,
    log: Option<&Path>,
) -> Result<Service> {
    let url = match &plan.database_url {
        Some(url) => url.clone(),
        None => private_cluster(&plan.data_dir)?,
    };
    // The shop makes its own database in that cluster.
    let command = context
        .cmd(binary)
        .args([
            "--addr",
            addr,
            "--collector",
            &format!("http://{}", plan.addr),
        ])
        .env("SHOP_DATABASE_URL", url);
    let mut shop = Service::start("the shop", command, log)?;
    shop.wait_until_ok(addr, "/healthz", SHOP_START)?;
    Ok(shop)
}

/// The URL that the server wrote down for its own cluster.
fn private_cluster(data_dir: &Path) -> Result<String> {
    let file = data_dir.join("database-url");
    let url = fs::read_to_string(&file)
        .with_context(|| format!("the server left no database URL in {}", file.display()))?;
    Ok(url.trim().to_owned())
}
