//! A program that runs in the background until it is stopped: a server, a shop, a database.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::command::{self, Cmd};
use crate::{http, interrupt};

/// A running program. Dropping it stops the program.
pub(crate) struct Service {
    name: String,
    child: Child,
    log: Option<PathBuf>,
}

impl Service {
    /// Starts the program with our own output, or with a log file if one is given.
    ///
    /// The program gets its own process group, so that Ctrl-C at the terminal reaches only us. We
    /// then stop the services in the right order.
    pub(crate) fn start(name: &str, command: Cmd, log: Option<&Path>) -> Result<Self> {
        interrupt::check()?;
        let line = command.line();
        println!("$ {line} &");
        let mut inner = command.into_inner();
        inner.process_group(0);
        if let Some(path) = log {
            let file = File::create(path)
                .with_context(|| format!("cannot write the log {}", path.display()))?;
            inner.stderr(file.try_clone()?).stdout(file);
        }
        let child = inner
            .spawn()
            .with_context(|| format!("cannot run `{line}`"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log: log.map(Path::to_owned),
        })
    }

    /// Returns the exit status, or `None` while the program runs.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits until `GET http://{address}{path}` returns 200.
    pub(crate) fn wait_until_ok(
        &mut self,
        address: &str,
        path: &str,
        limit: Duration,
    ) -> Result<()> {
        self.wait_until(limit, || {
            (http::status(address, path) == Some(200)).then_some(())
        })
    }

    /// Waits for a log line that starts with `prefix` and returns the rest of the line.
    pub(crate) fn wait_for_line(&mut self, prefix: &str, limit: Duration) -> Result<String> {
        let log = self.log.clone().context("the service has no log to read")?;
        self.wait_until(limit, || {
            let text = std::fs::read_to_string(&log).ok()?;
            let complete = text.rfind('\n').map_or("", |end| &text[..end]);
            complete
                .lines()
                .find_map(|line| line.strip_prefix(prefix))
                .map(str::to_owned)
        })
    }

    fn wait_until<T>(
        &mut self,
        limit: Duration,
        mut ready: impl FnMut() -> Option<T>,
    ) -> Result<T> {
        let started = Instant::now();
        loop {
            interrupt::check()?;
            if let Some(value) = ready() {
                return Ok(value);
            }
            if let Some(status) = self.ended()? {
                bail!(
                    "{} stopped before it was ready: {status}{}",
                    self.name,
                    self.log_tail()
                );
            }
            if started.elapsed() > limit {
                let seconds = limit.as_secs();
                bail!(
                    "{} was not ready within {seconds} s{}",
                    self.name,
                    self.log_tail()
                );
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Returns the last lines of the log, for an error message.
    fn log_tail(&self) -> String {
        let text = self
            .log
            .as_ref()
            .and_then(|log| std::fs::read_to_string(log).ok());
        text.map_or_else(String::new, |text| {
            let lines: Vec<&str> = text.lines().collect();
            let tail = &lines[lines.len().saturating_sub(30)..];
            format!("; the end of its log:\n{}", tail.join("\n"))
        })
    }

    /// Sends SIGTERM, waits up to 15 s, then sends SIGKILL.
    pub(crate) fn stop(&mut self) -> Result<()> {
        command::stop(&mut self.child)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("cannot stop {}: {error:#}", self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temporary::TemporaryFolder;

    const LIMIT: Duration = Duration::from_secs(30);

    fn shell(script: &str, log: &Path) -> Result<Service> {
        Service::start("the script", Cmd::new("sh").args(["-c", script]), Some(log))
    }

    #[test]
    fn a_service_is_ready_after_its_line_and_stops_gracefully() -> Result<()> {
        let folder = TemporaryFolder::new("service-stop")?;
        let log = folder.path().join("log");
        let script = "trap 'echo tidied; exit 0' TERM; echo PORT=42; while :; do sleep 0.01; done";
        let mut service = shell(script, &log)?;
        assert_eq!(service.wait_for_line("PORT=", LIMIT)?, "42");
        assert!(service.ended()?.is_none());
        service.stop()?;
        assert_eq!(std::fs::read_to_string(&log)?, "PORT=42\ntidied\n");
        Ok(())
    }

    #[test]
    fn a_service_that_exits_early_is_reported_with_the_end_of_its_log() -> Result<()> {
        let folder = TemporaryFolder::new("service-death")?;
        let mut service = shell(
            "echo address in use >&2; exit 3",
            &folder.path().join("log"),
        )?;
        let error = service
            .wait_for_line("PORT=", LIMIT)
            .expect_err("it never says so");
        let text = error.to_string();
        assert!(
            text.contains("exit status: 3") && text.contains("address in use"),
            "{text}"
        );
        Ok(())
    }
}
