//! `cargo xtask bench`: the benchmarks, against a release build and a throw-away Postgres.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::context::Context;
use crate::setup;
use crate::test::Database;

/// Packages with benchmarks.
const PACKAGES: [&str; 2] = ["throughline-store", "throughline-server"];

/// Which benchmarks to run.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Arguments for the benchmarks: a filter, for instance
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Builds and runs them.
pub(crate) fn run(context: &mut Context, options: &Options) -> Result<ExitCode> {
    let _claim = setup::compiler(context)?;
    setup::postgres::prepare(context)?;
    context
        .cargo(&["build", "--release", "-p", "throughline-server"])
        .run()?;
    let database = Database::start(context, "release")?;
    let packages = PACKAGES.iter().flat_map(|package| ["-p", package]);
    context
        .cargo(&["bench", "--benches"])
        .args(packages)
        .arg("--")
        .args(&options.arguments)
        .env("THROUGHLINE_TEST_DATABASE_URL", database.url())
        .env(
            "THROUGHLINE_BINARY",
            crate::binary::release(context, "throughline"),
        )
        .run()?;
    Ok(ExitCode::SUCCESS)
}
