//! `cargo xtask test`: runs every check of the project, one after another, and prints a summary.

mod count;
mod database;
mod end2end;
mod fuzz;
mod native;
mod run;
mod rust;
mod steps;
mod wasm;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;

use crate::context::Context;
use crate::interrupt;
use crate::summary::{self, Counts, Line, Outcome};
pub(crate) use database::Database;
use run::Run;
use steps::STEPS;

/// The selection of steps.
#[derive(Debug, Args)]
pub(crate) struct TestOptions {
    /// Run these steps only, and build what they need
    #[arg(long, value_delimiter = ',', value_name = "STEP", value_parser = steps::names())]
    only: Vec<String>,

    /// Skip these steps
    #[arg(long, value_delimiter = ',', value_name = "STEP", value_parser = steps::names())]
    skip: Vec<String>,

    /// Arguments for the test runner of the steps `unit` and `e2e`, such as a filter
    #[arg(last = true)]
    filter: Vec<String>,
}

/// The result of a step that did not fail.
pub(crate) enum Verdict {
    /// A single check passed.
    Passed,
    /// A set of tests ran. The step fails if one of them failed.
    Tests(Counts),
    /// The step cannot run here, for this reason.
    Skipped(String),
}

/// Runs the steps. If one fails, the steps that do not depend on it still run.
pub(crate) fn run(context: &mut Context, options: &TestOptions) -> Result<ExitCode> {
    let selected: Vec<_> = STEPS
        .iter()
        .filter(|step| options.only.is_empty() || options.only.iter().any(|o| o == step.name))
        .filter(|step| !options.skip.iter().any(|skip| skip == step.name))
        .collect();
    if selected.is_empty() {
        bail!("the options select no step");
    }
    let mut lines = Vec::new();
    let mut run = Run::new(context, options.filter.clone());
    for step in selected {
        println!("\n=== {} · {}", step.name, step.what);
        let started = Instant::now();
        let (outcome, counts) = judge((step.run)(&mut run));
        if let Outcome::Failed(reason) = &outcome {
            println!("FAILED: {reason}");
        }
        lines.push(Line {
            step: step.name,
            outcome,
            took: started.elapsed(),
            counts,
        });
        if interrupt::requested() {
            break;
        }
    }
    println!("\n=== summary\n{}", summary::table(&lines));
    interrupt::check()?;
    Ok(if summary::is_success(&lines) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn judge(result: Result<Verdict>) -> (Outcome, Option<Counts>) {
    match result {
        Ok(Verdict::Passed) => (Outcome::Passed, None),
        Ok(Verdict::Skipped(reason)) => (Outcome::Skipped(reason), None),
        Ok(Verdict::Tests(counts)) if counts.failed > 0 => {
            (Outcome::Failed(String::new()), Some(counts))
        }
        Ok(Verdict::Tests(counts)) => (Outcome::Passed, Some(counts)),
        Err(error) => (Outcome::Failed(format!("{error:#}")), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_test_fails_its_step() {
        let counts = Counts {
            passed: 3,
            failed: 1,
        };
        let (outcome, kept) = judge(Ok(Verdict::Tests(counts)));
        assert!(matches!(outcome, Outcome::Failed(_)));
        assert_eq!(kept, Some(counts));
    }
}
