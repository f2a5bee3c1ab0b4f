//! The cargo steps for native code.

use anyhow::{Result, bail};

use super::Verdict;
use super::count;
use super::native::cargo;
use super::run::Run;
use crate::setup::cargo_deny;

pub(super) fn format(run: &mut Run) -> Result<Verdict> {
    run.context()?.cargo(&["fmt", "--all", "--check"]).run()?;
    Ok(Verdict::Passed)
}

pub(super) fn clippy(run: &mut Run) -> Result<Verdict> {
    let context = run.context()?;
    cargo(context, &["clippy", "--all-targets", "--keep-going"])
        .args(["--", "-D", "warnings"])
        .run()?;
    Ok(Verdict::Passed)
}

pub(super) fn deny(run: &mut Run) -> Result<Verdict> {
    let context = run.context()?;
    let program = cargo_deny::prepare(context)?;
    // The advisory database would be cloned from the network.
    context
        .cmd(program)
        .args(["check", "licenses", "bans", "sources"])
        .run()?;
    Ok(Verdict::Passed)
}

pub(super) fn tests(run: &mut Run) -> Result<Verdict> {
    let filter = run.filter.clone();
    let (context, url) = run.database()?;
    let nextest = context.which("cargo-nextest").is_some();
    let command = if nextest {
        cargo(context, &["nextest", "run", "--no-fail-fast"]).args(filter)
    } else {
        println!("cargo-nextest is not installed: going on with `cargo test`, which is slower");
        cargo(
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
    let streamed = cargo(run.context()?, &["test", "--doc", "--no-fail-fast"]).stream()?;
    let counts = count::in_libtest(&streamed.text);
    if !streamed.success && counts.failed == 0 {
        bail!("the documentation tests did not run to their end");
    }
    Ok(Verdict::Tests(counts))
}

pub(super) fn documentation(run: &mut Run) -> Result<Verdict> {
    cargo(run.context()?, &["doc", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()?;
    Ok(Verdict::Passed)
}
