//! Cargo commands for native code. All use the dev profile and the same selection of packages, so
//! that each step reuses the build of the others.

use anyhow::Result;

use crate::context::Context;
use crate::process::Cmd;
use crate::site::BROWSER_ONLY;

/// Returns `cargo COMMAND` for every native package. The browser packages must stay out: they would
/// enable the browser side of Leptos in the server's build too.
pub(super) fn cargo(context: &Context, command: &[&str]) -> Cmd {
    let excluded = BROWSER_ONLY
        .iter()
        .flat_map(|package| ["--exclude", package]);
    context.cargo(command).arg("--workspace").args(excluded)
}

/// Builds every binary and test.
pub(super) fn build(context: &Context) -> Result<()> {
    cargo(context, &["build", "--bins", "--tests"]).run()
}
