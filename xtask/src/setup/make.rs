//! GNU make, by which the build of jemalloc goes, the server's allocator.

use anyhow::{Context as _, Result};

use super::debian;
use crate::context::Context;

/// Finds or installs it.
pub(crate) fn prepare(context: &Context) -> Result<()> {
    if find(context).is_some() {
        return Ok(());
    }
    debian::install(context, &["make"], "make, for the build of jemalloc")
        .context("make is needed; install it with the system's package manager")
}

/// The name it has here: that of the BSDs is their own make.
pub(crate) fn find(context: &Context) -> Option<std::path::PathBuf> {
    context.which("gmake").or_else(|| context.which("make"))
}
