//! Tests of the program as a process of its own.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::support::fetch;

/// Creates a folder that the account which runs Postgres for root can reach.
pub(crate) fn data_dir() -> TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).expect("its mode");
    folder
}

/// Returns an address that nothing listens on. The port is below the ephemeral ports of Linux
/// (32768 and above), because a connection could take one of those before the program binds it.
pub(crate) fn free_addr() -> String {
    loop {
        let port = 10_000 + (uuid::Uuid::new_v4().as_u128() % 22_000) as u16;
        if let Ok(listener) = std::net::TcpListener::bind(("127.0.0.1", port)) {
            return listener.local_addr().expect("bound").to_string();
        }
    }
}

/// Returns a command that runs the program with these arguments and without the settings of this
/// process.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_throughline"));
    command
        .args(arguments)
        .env_remove("DATABASE_URL")
        .env("THROUGHLINE_OTLP_GRPC_ADDR", "127.0.0.1:0")
        .env("RUST_LOG", "warn")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Runs the program to its end. Returns its status and its standard error.
pub(crate) async fn run(arguments: &[&str]) -> (ExitStatus, String) {
    let output = command(arguments).output();
    let output = tokio::time::timeout(Duration::from_mins(1), output);
    let output = output.await.expect("ends by itself").expect("runs");
    (
        output.status,
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// A running program with a private cluster.
pub(crate) struct Program {
    process: Child,
    data_dir: PathBuf,
    pub(crate) base: String,
}

impl Program {
    /// Starts `throughline serve` and waits until it is ready.
    pub(crate) async fn serve(data_dir: &Path) -> Self {
        let (addr, otlp_addr) = (free_addr(), free_addr());
        let folder = data_dir.to_str().expect("text");
        let process = serve_command(&addr, &otlp_addr, &["--data-dir", folder])
            .spawn()
            .expect("runs");
        let program = Self {
            process,
            data_dir: data_dir.to_owned(),
            base: format!("http://{addr}"),
        };
        program.wait_until_ready().await;
        program
    }

    /// Starts `throughline serve` on an existing database, with more options.
    pub(crate) async fn serve_on(url: &str, options: &[&str]) -> Self {
        let (addr, otlp_addr) = (free_addr(), free_addr());
        let process = serve_command(&addr, &otlp_addr, options)
            .env("DATABASE_URL", url)
            .spawn()
            .expect("runs");
        let program = Self {
            process,
            data_dir: PathBuf::new(),
            base: format!("http://{addr}"),
        };
        program.wait_until_ready().await;
        program
    }

    async fn wait_until_ready(&self) {
        for _ in 0..600 {
            if let Ok(answer) = fetch(format!("{}/readyz", self.base)).await
                && answer.status().is_success()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("not ready within a minute");
    }

    /// Returns its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id().expect("runs")
    }

    /// Starts `throughline postgres`. Also returns the database URL that it printed.
    pub(crate) async fn postgres(data_dir: &Path) -> (Self, String) {
        let folder = data_dir.to_str().expect("text");
        let mut process = command(&["postgres", "--data-dir", folder])
            .stdout(Stdio::piped())
            .spawn()
            .expect("runs");
        let mut line = String::new();
        let out = process.stdout.take().expect("piped");
        BufReader::new(out)
            .read_line(&mut line)
            .await
            .expect("says something");
        let url = line
            .trim()
            .strip_prefix("DATABASE_URL=")
            .expect("the URL")
            .to_owned();
        (
            Self {
                process,
                data_dir: data_dir.to_owned(),
                base: String::new(),
            },
            url,
        )
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.process.id() {
            kill(Pid::from_raw(i32::try_from(pid).expect("small")), signal).expect("sent");
        }
    }

    /// Sends SIGTERM and waits.
    pub(crate) async fn stop(mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        let ended = tokio::time::timeout(Duration::from_mins(1), self.process.wait());
        ended.await.expect("ends").expect("waited for")
    }

    /// Sends SIGKILL. Its Postgres keeps running.
    pub(crate) async fn kill(mut self) {
        self.signal(Signal::SIGKILL);
        self.process.wait().await.expect("waited for");
        // The next program takes over Postgres, so dropping this value must not end it.
        self.data_dir = PathBuf::new();
    }

    /// Returns the process id of the Postgres whose private cluster is in `data_dir`.
    pub(crate) fn postmaster_of(data_dir: &Path) -> i32 {
        postmaster(data_dir).expect("Postgres runs")
    }

    /// Sends SIGKILL to its Postgres.
    pub(crate) fn kill_postgres(&self) {
        kill_postgres(&self.data_dir);
    }
}

impl Drop for Program {
    /// Ends all its processes, also when a test fails.
    fn drop(&mut self) {
        if self.process.id().is_some() {
            let _ = self.process.start_kill();
            if !self.data_dir.as_os_str().is_empty() {
                kill_postgres(&self.data_dir);
            }
        }
    }
}

fn serve_command(addr: &str, otlp_addr: &str, options: &[&str]) -> Command {
    let mut command = command(&["serve", "--addr", addr, "--otlp-addr", otlp_addr]);
    command.args(options);
    command
}

fn postmaster(data_dir: &Path) -> Option<i32> {
    let file = std::fs::read_to_string(data_dir.join("postgres/postmaster.pid")).ok()?;
    file.lines().next()?.trim().parse().ok()
}

fn kill_postgres(data_dir: &Path) {
    if let Some(pid) = postmaster(data_dir) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}
