//! The list of steps.

use anyhow::{Result, anyhow};
use clap::builder::PossibleValuesParser;

use super::run::Run;
use super::{Verdict, end2end, fuzz, rust, wasm};
use crate::{setup, tidy};

/// One step.
pub(super) struct Step {
    pub(super) name: &'static str,
    /// The check it does, for its heading.
    pub(super) what: &'static str,
    pub(super) run: fn(&mut Run) -> Result<Verdict>,
}

/// Every step in the order of execution: quick ones first.
pub(super) const STEPS: &[Step] = &[
    Step {
        name: "setup",
        what: "compiler, tools, Postgres, browser",
        run: set_up,
    },
    Step {
        name: "fmt",
        what: "formatting of every file",
        run: rust::format,
    },
    Step {
        name: "tidy",
        what: "project rules that the compiler does not check",
        run: check_tidy,
    },
    Step {
        name: "deny",
        what: "licences, banned crates, sources",
        run: rust::deny,
    },
    Step {
        name: "clippy",
        what: "lints of native code",
        run: rust::clippy,
    },
    Step {
        name: "wasm-clippy",
        what: "lints of browser code",
        run: wasm::clippy,
    },
    Step {
        name: "site",
        what: "both front ends, optimised",
        run: build_site,
    },
    Step {
        name: "build",
        what: "binaries and tests",
        run: build,
    },
    Step {
        name: "unit",
        what: "unit and integration tests, on Postgres",
        run: rust::tests,
    },
    Step {
        name: "doctest",
        what: "examples in the documentation",
        run: rust::doc_tests,
    },
    Step {
        name: "fuzz",
        what: "fuzz targets of the decoders, a fixed number of runs",
        run: fuzz::fuzz,
    },
    Step {
        name: "wasm-test",
        what: "tests in headless Chromium",
        run: wasm::tests,
    },
    Step {
        name: "e2e",
        what: "from a click to a waterfall",
        run: end2end::tests,
    },
    Step {
        name: "doc",
        what: "documentation and its links",
        run: rust::documentation,
    },
];

/// Returns the names of the steps, for the command line.
pub(super) fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(STEPS.iter().map(|step| step.name))
}

fn set_up(run: &mut Run) -> Result<Verdict> {
    run.tools()?;
    let (context, _) = run.browser()?;
    setup::toolchain::ensure_lints(context)?;
    setup::postgres::prepare(context)?;
    Ok(Verdict::Passed)
}

fn check_tidy(run: &mut Run) -> Result<Verdict> {
    let faults = tidy::faults(run.context()?)?;
    for fault in &faults {
        println!("{fault}");
    }
    match faults.len() {
        0 => Ok(Verdict::Passed),
        count => Err(anyhow!("{count} faults")),
    }
}

fn build_site(run: &mut Run) -> Result<Verdict> {
    run.site().map(|_| Verdict::Passed)
}

fn build(run: &mut Run) -> Result<Verdict> {
    run.built().map(|_| Verdict::Passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_its_own_name() {
        let names: std::collections::BTreeSet<_> = STEPS.iter().map(|step| step.name).collect();
        assert_eq!(names.len(), STEPS.len());
    }
}
