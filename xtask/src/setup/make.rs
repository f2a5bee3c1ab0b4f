//! GNU make, which the build of jemalloc needs. jemalloc is the server's allocator.

use anyhow::{Context as _, Result};

use super::debian;
use crate::context::Context;

/// Finds or installs GNU make.
pub(crate) fn prepare(context: &Context) -> Result<()> {
    if find(context).is_some() {
        return Ok(());
    }
    debian::install(context, &["make"], "make, for the build of jemalloc")
        .context("make is needed; install it with the system's package manager")
}

/// Returns the path of GNU make. On BSD systems it is `gmake`, because `make` is another program.
pub(crate) fn find(context: &Context) -> Option<std::path::PathBuf> {
    context.which("gmake").or_else(|| context.which("make"))
}
