//! `cargo xtask build`: builds the release binary with the site inside it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::context::Context;
use crate::{setup, site};

/// Builds the site of the panel, and the server that embeds it.
pub(crate) fn run(context: &mut Context) -> Result<ExitCode> {
    let _claim = setup::compiler(context)?;
    let tools = setup::tools(context)?;
    site::build(context, &tools, &site::PANEL)?;
    context
        .cargo(&["build", "--release", "-p", "throughline-server"])
        .run()?;
    let binary = release(context, "throughline");
    println!(
        "{} ({})",
        binary.display(),
        site::size(std::fs::metadata(&binary)?.len())
    );
    Ok(ExitCode::SUCCESS)
}

/// Returns the path of a release binary.
pub(crate) fn release(context: &Context, name: &str) -> PathBuf {
    context.target.join("release").join(name)
}

/// Returns the path of a debug binary.
pub(crate) fn debug(context: &Context, name: &str) -> PathBuf {
    context.target.join("debug").join(name)
}
