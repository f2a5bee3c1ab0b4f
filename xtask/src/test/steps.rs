//! The list of steps and their shared resources. Each resource is prepared once, on first use.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use clap::builder::PossibleValuesParser;

use super::database::Database;
use super::{Verdict, end2end, fuzz, rust, wasm};
use crate::context::Context;
use crate::setup::browser::Browser;
use crate::setup::{self, Claim, Tools};
use crate::{site, tidy};

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

/// A test run.
pub(super) struct Run<'a> {
    context: &'a mut Context,
    /// Arguments for the test runners.
    pub(super) filter: Vec<String>,
    compiler: Once<Claim>,
    tools: Once<Tools>,
    site: Once<()>,
    build: Once<()>,
    browser: Once<Browser>,
    database: Once<Database>,
}

/// A result that is computed once. Every step that needs it gets the same error.
type Once<T> = Option<Result<T, String>>;

fn once<T>(slot: &mut Once<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    let result = slot.get_or_insert_with(|| make().map_err(|error| format!("{error:#}")));
    result.as_ref().map_err(|reason| anyhow!("{reason}"))
}

impl<'a> Run<'a> {
    pub(super) fn new(context: &'a mut Context, filter: Vec<String>) -> Self {
        Self {
            context,
            filter,
            compiler: None,
            tools: None,
            site: None,
            build: None,
            browser: None,
            database: None,
        }
    }

    /// Returns the context, after selecting the compiler.
    pub(super) fn context(&mut self) -> Result<&Context> {
        once(&mut self.compiler, || setup::compiler(self.context))?;
        Ok(self.context)
    }

    pub(super) fn tools(&mut self) -> Result<(&Context, &Tools)> {
        self.context()?;
        let context = &*self.context;
        Ok((context, once(&mut self.tools, || setup::tools(context))?))
    }

    pub(super) fn browser(&mut self) -> Result<(&Context, &Browser)> {
        self.context()?;
        let context = &*self.context;
        Ok((
            context,
            once(&mut self.browser, || setup::browser(context))?,
        ))
    }

    /// Builds both sites and returns the context.
    pub(super) fn site(&mut self) -> Result<&Context> {
        self.tools()?;
        let context = &*self.context;
        let tools = once(&mut self.tools, || setup::tools(context))?;
        once(&mut self.site, || site::build_all(context, tools))?;
        Ok(context)
    }

    /// Builds every binary and test and returns the context.
    pub(super) fn built(&mut self) -> Result<&Context> {
        self.context()?;
        let context = &*self.context;
        once(&mut self.build, || rust::build(context))?;
        Ok(context)
    }

    /// Starts a throw-away Postgres and returns its URL.
    pub(super) fn database(&mut self) -> Result<(&Context, &str)> {
        self.built()?;
        let context = &*self.context;
        let database = once(&mut self.database, || Database::start(context, "debug"))?;
        Ok((context, database.url()))
    }

    /// Returns an empty folder for the files of a step.
    pub(super) fn fresh_folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.context.scratch().join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }
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
    fn a_failed_preparation_is_reported_again_without_a_retry() {
        let mut slot: Once<()> = None;
        let mut tries = 0;
        for _ in 0..2 {
            let result = once(&mut slot, || {
                tries += 1;
                Err(anyhow!("no network"))
            });
            assert_eq!(result.expect_err("it failed").to_string(), "no network");
        }
        assert_eq!(tries, 1);
    }

    #[test]
    fn each_step_has_its_own_name() {
        let names: std::collections::BTreeSet<_> = STEPS.iter().map(|step| step.name).collect();
        assert_eq!(names.len(), STEPS.len());
    }
}
