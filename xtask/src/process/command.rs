//! A command line. It is built like `std::process::Command`. The wait for it stops on Ctrl-C or
//! after a timeout.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::interrupt;

/// The time that a program gets to stop before it is killed.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(15);

/// A command that is about to run.
pub(crate) struct Cmd {
    inner: Command,
    deadline: Option<Duration>,
}

/// The output and the exit status of a streamed command.
pub(crate) struct Streamed {
    pub(crate) success: bool,
    /// Standard output and standard error, interleaved as they arrived.
    pub(crate) text: String,
}

impl Cmd {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let mut inner = Command::new(program);
        inner.stdin(Stdio::null());
        Self {
            inner,
            deadline: None,
        }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.inner.arg(arg);
        self
    }

    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.inner.args(args);
        self
    }

    pub(crate) fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.inner.env(key, value);
        self
    }

    pub(crate) fn env_remove(mut self, key: impl AsRef<OsStr>) -> Self {
        self.inner.env_remove(key);
        self
    }

    pub(crate) fn cwd(mut self, dir: impl AsRef<Path>) -> Self {
        self.inner.current_dir(dir);
        self
    }

    /// Connects the program's input to the terminal, for a password prompt.
    pub(crate) fn with_stdin(mut self) -> Self {
        self.inner.stdin(Stdio::inherit());
        self
    }

    /// Stops the program if it takes longer than this. Default: no limit.
    pub(crate) fn deadline(mut self, limit: Duration) -> Self {
        self.deadline = Some(limit);
        self
    }

    /// Returns the command as a user would type it.
    pub(crate) fn line(&self) -> String {
        std::iter::once(self.inner.get_program())
            .chain(self.inner.get_args())
            .map(|word| quoted(&word.to_string_lossy()))
            .collect::<Vec<_>>()
            .join(" ")
    }

    pub(crate) fn into_inner(self) -> Command {
        self.inner
    }

    /// Prints the command and runs it with our own output. Fails if the command fails.
    pub(crate) fn run(mut self) -> Result<()> {
        let line = self.line();
        println!("$ {line}");
        let mut child = self.spawn(&line)?;
        let status = wait(&mut child, self.deadline, &line)?;
        if !status.success() {
            bail!("`{line}` failed: {status}");
        }
        Ok(())
    }

    /// Runs the command silently and returns its output. Fails only if it cannot be started.
    pub(crate) fn output(mut self) -> Result<Output> {
        let line = self.line();
        self.inner.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.spawn(&line)?;
        let stdout = capture(child.stdout.take(), None::<io::Sink>);
        let stderr = capture(child.stderr.take(), None::<io::Sink>);
        let status = wait(&mut child, self.deadline, &line)?;
        Ok(Output {
            status,
            stdout: stdout.collect(),
            stderr: stderr.collect(),
        })
    }

    /// Runs the command silently and returns its trimmed standard output. If it fails, the error
    /// contains its standard error.
    pub(crate) fn text(self) -> Result<String> {
        let line = self.line();
        let output = self.output()?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!("`{line}` failed: {}\n{}", output.status, errors.trim_end());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Prints the command, shows its output as it arrives, and returns a copy.
    pub(crate) fn stream(mut self) -> Result<Streamed> {
        let line = self.line();
        println!("$ {line}");
        self.inner.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.spawn(&line)?;
        let stdout = capture(child.stdout.take(), Some(io::stdout()));
        let stderr = capture(child.stderr.take(), Some(io::stderr()));
        let status = wait(&mut child, self.deadline, &line)?;
        let mut bytes = stderr.collect();
        bytes.push(b'\n');
        bytes.extend(stdout.collect());
        Ok(Streamed {
            success: status.success(),
            text: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }

    fn spawn(&mut self, line: &str) -> Result<Child> {
        interrupt::check()?;
        self.inner
            .spawn()
            .with_context(|| format!("cannot run `{line}`"))
    }
}

/// Waits for the child. On Ctrl-C or after the deadline, stops the child and fails.
fn wait(child: &mut Child, deadline: Option<Duration>, line: &str) -> Result<ExitStatus> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            interrupt::check()?;
            return Ok(status);
        }
        let late = deadline.is_some_and(|limit| started.elapsed() > limit);
        if late || interrupt::requested() {
            stop(child)?;
            interrupt::check()?;
            bail!(
                "`{line}` took longer than {} s and was stopped",
                started.elapsed().as_secs()
            );
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(25));
    }
}

/// Asks the child to stop, waits, and kills it if it does not.
pub(super) fn stop(child: &mut Child) -> Result<()> {
    if child.try_wait()?.is_some() {
        return Ok(());
    }
    signal(child, Signal::SIGTERM);
    let asked = Instant::now();
    while asked.elapsed() < STOP_GRACE {
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(25));
    }
    child.kill()?;
    child.wait()?;
    Ok(())
}

/// Sends a signal. A child that has already ended is not an error.
fn signal(child: &Child, signal: Signal) {
    if let Ok(id) = i32::try_from(child.id()) {
        let _gone = kill(Pid::from_raw(id), signal);
    }
}

/// A thread that reads one pipe of a child to its end.
struct Capture {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: JoinHandle<()>,
}

impl Capture {
    /// Returns the bytes read. The wait for the end of the pipe is short, because a grandchild that
    /// outlives the child may hold the pipe open for ever.
    fn collect(self) -> Vec<u8> {
        let asked = Instant::now();
        while !self.thread.is_finished() && asked.elapsed() < Duration::from_secs(2) {
            thread::sleep(Duration::from_millis(1));
        }
        std::mem::take(&mut *self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn capture(
    pipe: Option<impl Read + Send + 'static>,
    mut echo: Option<impl Write + Send + 'static>,
) -> Capture {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&bytes);
    let thread = thread::spawn(move || {
        let Some(mut pipe) = pipe else { return };
        let mut buffer = [0_u8; 8192];
        while let Ok(count @ 1..) = pipe.read(&mut buffer) {
            let read = &buffer[..count];
            if let Some(echo) = &mut echo {
                // A closed terminal must not stop the work.
                let _closed = echo.write_all(read).and_then(|()| echo.flush());
            }
            shared
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend_from_slice(read);
        }
    });
    Capture { bytes, thread }
}

/// Returns the word in single quotes if a shell would split or expand it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_printed_as_in_a_shell() {
        let command = Cmd::new("cargo").args(["test", "--test", "it's here", ""]);
        assert_eq!(command.line(), r"cargo test --test 'it'\''s here' ''");
    }

    #[test]
    fn a_streamed_command_keeps_both_outputs() -> Result<()> {
        let streamed = Cmd::new("sh")
            .args(["-c", "echo out; echo err >&2; exit 3"])
            .stream()?;
        assert!(!streamed.success);
        assert!(streamed.text.contains("out") && streamed.text.contains("err"));
        Ok(())
    }

    #[test]
    fn a_command_past_its_deadline_is_stopped() {
        let slow = Cmd::new("sleep")
            .arg("600")
            .deadline(Duration::from_millis(50));
        let error = slow
            .output()
            .map(|output| output.status)
            .expect_err("it should not finish");
        assert!(error.to_string().contains("was stopped"), "{error}");
    }
}
