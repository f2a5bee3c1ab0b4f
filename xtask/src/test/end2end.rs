//! Runs Playwright in a real browser, with its own server and shop.

use std::path::Path;

use anyhow::{Result, bail};

use super::Verdict;
use super::count;
use super::run::Run;
use crate::context::Context;
use crate::process::Cmd;
use crate::setup::{node, python};
use crate::stack::{Plan, Stack};
use crate::stamp::{Digest, Stamp};
use crate::temporary::TemporaryFolder;
use crate::{binary, http};

pub(super) fn tests(run: &mut Run) -> Result<Verdict> {
    run.site()?;
    run.built()?;
    let filter = run.filter.clone();
    let logs = run.fresh_folder("e2e-logs")?;
    let chromium = run.browser()?.1.chromium.clone();
    let context = run.context()?;
    let folder = context.root.join("end2end");
    install(context, &folder)?;
    let python = python::prepare(context)?;

    let data = TemporaryFolder::new("e2e")?;
    let [shop, addr, otlp_addr, otlp_grpc_addr] = http::free_addresses()?;
    let plan = Plan {
        server_binary: binary::debug(context, "throughline"),
        shop: Some((binary::debug(context, "shop"), shop.clone())),
        addr,
        otlp_addr,
        otlp_grpc_addr,
        data_dir: data.path().to_owned(),
        database_url: None,
        logs: Some(logs.clone()),
    };
    let stack = Stack::start(context, &plan)?;
    let streamed = playwright(context, &folder)
        .args(filter)
        .env("THROUGHLINE_URL", format!("http://{}", plan.addr))
        .env("THROUGHLINE_OTLP_URL", format!("http://{}", plan.otlp_addr))
        .env(
            "THROUGHLINE_OTLP_GRPC_URL",
            format!("http://{}", plan.otlp_grpc_addr),
        )
        .env("THROUGHLINE_BINARY", &plan.server_binary)
        .env("SHOP_URL", format!("http://{shop}"))
        .env("CHROMIUM", chromium)
        .env("PYTHON", python)
        .stream();
    stack.stop()?;
    let streamed = streamed?;
    let counts = count::in_playwright(&folder.join("test-results/report.json"))?;
    if counts.failed > 0 || !streamed.success {
        println!("the logs of server and shop are in {}", logs.display());
    }
    if !streamed.success && counts.failed == 0 {
        bail!("Playwright stopped early");
    }
    Ok(Verdict::Tests(counts))
}

fn playwright(context: &Context, folder: &Path) -> Cmd {
    context
        .cmd("npx")
        .args(["--no-install", "playwright", "test"])
        .cwd(folder)
}

/// Runs `npm ci` if the lock file has changed.
fn install(context: &Context, folder: &Path) -> Result<()> {
    let stamp = Stamp::at(folder.join("node_modules/.installed"));
    let digest = Digest::new().add_file(&folder.join("package-lock.json"))?;
    if stamp.is(digest) {
        return Ok(());
    }
    node::npm_ci(context, folder)?;
    stamp.set(digest)
}
