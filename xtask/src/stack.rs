//! Runs a server and, if wanted, the example shop in the same database cluster.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::context::Context;
use crate::process::Service;

/// The timeout for the start of the server. The first start may create a database cluster, or even
/// download Postgres.
const SERVER_START: Duration = Duration::from_secs(300);
const SHOP_START: Duration = Duration::from_secs(60);

/// The programs to run and their addresses.
pub(crate) struct Plan {
    pub(crate) server_binary: PathBuf,
    /// The binary and the address of the shop; `None` runs no shop.
    pub(crate) shop: Option<(PathBuf, String)>,
    pub(crate) addr: String,
    pub(crate) otlp_addr: String,
    pub(crate) otlp_grpc_addr: String,
    pub(crate) data_dir: PathBuf,
    /// The URL of an external database; `None` uses the private cluster.
    pub(crate) database_url: Option<String>,
    /// The folder for log files; `None` shows the logs in the terminal.
    pub(crate) logs: Option<PathBuf>,
}

/// The running programs. Dropping it stops the shop, then the server.
pub(crate) struct Stack {
    // Fields drop in this order.
    shop: Option<Service>,
    server: Service,
}

impl Stack {
    /// Starts the server, waits until it is ready, then does the same for the shop.
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
            // An environment variable does not show the password in the list of processes.
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

    /// Fails if one of the two has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        if let Some(status) = self.server.ended()? {
            bail!("the server stopped: {status}");
        }
        if let Some(shop) = &mut self.shop {
            if let Some(status) = shop.ended()? {
                bail!("the shop stopped: {status}");
            }
        }
        Ok(())
    }

    /// Stops the shop, then the server. Each gets time to finish its work.
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
    // The shop creates its own database in that cluster.
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

/// Returns the URL that the server wrote for its own cluster.
fn private_cluster(data_dir: &Path) -> Result<String> {
    let file = data_dir.join("database-url");
    let url = fs::read_to_string(&file)
        .with_context(|| format!("cannot find the database URL in {}", file.display()))?;
    Ok(url.trim().to_owned())
}
