//! The cargo steps for native code. All use the dev profile and the same selection of packages, so
//! that each step reuses the build of the others.

use anyhow::{Result, bail};

use super::Verdict;
use super::count;
use super::steps::Run;
use crate::context::Context;
use crate::process::Cmd;
use crate::site::BROWSER_ONLY;

/// Returns `cargo COMMAND` for every native package. The browser packages must stay out: they would
/// enable the browser side of Leptos in the server's build too.
fn native(context: &Context, command: &[&str]) -> Cmd {
    let excluded = BROWSER_ONLY
        .iter()
        .flat_map(|package| ["--exclude", package]);
    context.cargo(command).arg("--workspace").args(excluded)
}

pub(super) fn format(run: &mut Run) -> Result<Verdict> {
    run.context()?.cargo(&["fmt", "--all", "--check"]).run()?;
    Ok(Verdict::Passed)
}

pub(super) fn clippy(run: &mut Run) -> Result<Verdict> {
    let context = run.context()?;
    native(context, &["clippy", "--all-targets", "--keep-going"])
        .args(["--", "-D", "warnings"])
        .run()?;
    Ok(Verdict::Passed)
}

pub(super) fn deny(run: &mut Run) -> Result<Verdict> {
    let context = run.context()?;
    if context.which("cargo-deny").is_none() {
        return Ok(Verdict::Skipped(
            "cargo-deny is not installed (`cargo install cargo-deny`)".to_owned(),
        ));
    }
    context
        .cargo(&["deny", "check", "licenses", "bans", "sources"])
        .run()?;
    Ok(Verdict::Passed)
}

/// Builds every binary and test.
pub(super) fn build(context: &Context) -> Result<()> {
    native(context, &["build", "--bins", "--tests"]).run()
}

pub(super) fn tests(run: &mut Run) -> Result<Verdict> {
    let filter = run.filter.clone();
    let (context, url) = run.database()?;
    let nextest = context.which("cargo-nextest").is_some();
    let command = if nextest {
        native(context, &["nextest", "run", "--no-fail-fast"]).args(filter)
    } else {
        println!("cargo-nextest is not installed; using `cargo test`, which is slower");
        native(
            context,
            &["test", "--bins", "--lib", "--tests", "--no-fail-fast"],
        )
        .arg("--")
        .args(filter)
    };
    let streamed = command.env("THROUGHLINE_TEST_DATABASE_URL", url).stream()?;
    let counts = if nextest {
        count::in_nextest(&streamed.text)
    } else {
        count::in_libtest(&streamed.text)
    };
    if !streamed.success && counts.failed == 0 {
        bail!("the tests did not run to their end");
    }
    Ok(Verdict::Tests(counts))
}

pub(super) fn doc_tests(run: &mut Run) -> Result<Verdict> {
    let streamed = native(run.context()?, &["test", "--doc", "--no-fail-fast"]).stream()?;
    let counts = count::in_libtest(&streamed.text);
    if !streamed.success && counts.failed == 0 {
        bail!("the documentation tests did not run to their end");
    }
    Ok(Verdict::Tests(counts))
}

pub(super) fn documentation(run: &mut Run) -> Result<Verdict> {
    native(run.context()?, &["doc", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()?;
    Ok(Verdict::Passed)
}
