//! cargo-deny, which checks licences, banned crates and sources.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::cargo_tool;
use crate::context::Context;

/// The version that is installed if there is none. Any installed version is used.
const VERSION: &str = "0.20.2";

/// Finds cargo-deny or builds it.
pub(crate) fn prepare(context: &Context) -> Result<PathBuf> {
    if let Some(found) = find(context) {
        return Ok(found);
    }
    cargo_tool::install(context, "cargo-deny", VERSION)?;
    find(context).context("cargo-deny was installed and is still not found")
}

/// Returns the program if it is installed. Changes nothing.
pub(crate) fn find(context: &Context) -> Option<PathBuf> {
    let own = context.tools().join("bin/cargo-deny");
    if own.is_file() {
        return Some(own);
    }
    context.which("cargo-deny")
}
