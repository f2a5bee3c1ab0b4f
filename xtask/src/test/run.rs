//! The shared resources of the steps. Each resource is prepared once, on first use.

use std::path::PathBuf;

use anyhow::{Result, anyhow};

use super::database::Database;
use super::native;
use crate::context::Context;
use crate::setup::browser::Browser;
use crate::setup::{self, Claim, Tools};
use crate::site;

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
        once(&mut self.build, || native::build(context))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_reported_again_and_not_retried() {
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
}
