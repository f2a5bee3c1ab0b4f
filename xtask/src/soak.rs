//! `cargo xtask soak`: runs the fault tests of server and tracer that take minutes, against a
//! throw-away Postgres.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::context::Context;
use crate::setup;
use crate::test::Database;

/// The selection of fault tests.
#[derive(Debug, Args)]
pub(crate) struct SoakOptions {
    /// Run only the tests whose name contains this text
    #[arg(default_value = "soak_")]
    filter: String,
}

/// Builds the server in its release profile and runs the long tests one after another. Each prints
/// a line that begins with `soak:`.
pub(crate) fn run(context: &mut Context, options: &SoakOptions) -> Result<ExitCode> {
    let _claim = setup::compiler(context)?;
    setup::postgres::prepare(context)?;
    context
        .cargo(&["build", "--release", "-p", "throughline-server"])
        .run()?;
    let database = Database::start(context, "release")?;
    for (package, target) in [("throughline", "away"), ("throughline-server", "server")] {
        context
            .cargo(&["test", "--release", "-p", package, "--test", target, "--"])
            .arg(&options.filter)
            .args(["--ignored", "--test-threads=1", "--nocapture"])
            .env("THROUGHLINE_TEST_DATABASE_URL", database.url())
            .run()?;
    }
    Ok(ExitCode::SUCCESS)
}
