//! The real binary with a private Postgres in a temporary folder. Both can be killed and restarted.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::cpu;

pub(crate) struct Program {
    process: Child,
    addr: String,
    otlp_addr: String,
    data_dir: TempDir,
}

fn free_addr() -> Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    Ok(listener.local_addr()?.to_string())
}

/// Sends a signal to a process that may have ended already.
fn signal(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

impl Program {
    pub(crate) async fn start() -> Result<Self> {
        let data_dir = tempfile::tempdir()?;
        // Postgres may run under another account, which must be able to reach its folder.
        fs::set_permissions(data_dir.path(), fs::Permissions::from_mode(0o755))?;
        let (addr, otlp_addr) = (free_addr()?, free_addr()?);
        let process = Self::spawn(&addr, &otlp_addr, &data_dir)?;
        let program = Self {
            process,
            addr,
            otlp_addr,
            data_dir,
        };
        program.wait_until_ready().await?;
        Ok(program)
    }

    fn spawn(addr: &str, otlp_addr: &str, data_dir: &TempDir) -> Result<Child> {
        Command::new(env!("CARGO_BIN_EXE_throughline"))
            .args(["serve", "--addr", addr, "--otlp-addr", otlp_addr])
            .args(["--otlp-grpc-addr", "127.0.0.1:0"])
            .arg("--data-dir")
            .arg(data_dir.path())
            .env_remove("DATABASE_URL")
            .env("RUST_LOG", "error")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("starting throughline")
    }

    async fn wait_until_ready(&self) -> Result<()> {
        for _ in 0..600 {
            if let Ok(answer) = reqwest::get(self.url("/readyz")).await
                && answer.status().is_success()
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("throughline was not ready within a minute")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub(crate) fn database_url(&self) -> Result<String> {
        let url = fs::read_to_string(self.data_dir.path().join("database-url"))?;
        Ok(url.trim().to_owned())
    }

    fn pid(&self) -> Result<u32> {
        self.process.id().context("throughline has ended")
    }

    pub(crate) fn server_cpu_s(&self) -> Result<f64> {
        cpu::of_process(self.pid()?)
    }

    /// Returns the postmaster's process id.
    fn postmaster(&self) -> Result<u32> {
        let file = self.data_dir.path().join("postgres/postmaster.pid");
        let text = fs::read_to_string(file).context("postmaster.pid")?;
        let pid = text
            .lines()
            .next()
            .and_then(|line| line.trim().parse().ok());
        pid.context("postmaster.pid holds no number")
    }

    pub(crate) fn postgres_cpu_s(&self) -> Result<f64> {
        cpu::of_family(self.postmaster()?)
    }

    /// Returns a line of `/proc/<pid>/status` of the server, in MiB: `VmRSS` is the current memory,
    /// `VmHWM` the peak.
    pub(crate) fn memory_mib(&self, name: &str) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let kib = status.lines().find_map(|line| {
            let rest = line.strip_prefix(name)?.strip_prefix(':')?;
            rest.trim().strip_suffix(" kB")?.parse::<f64>().ok()
        });
        Ok(kib.context("no such line")? / 1_024.0)
    }

    /// Stops (SIGSTOP) or continues every process of Postgres.
    pub(crate) fn hold_postgres(&self, is_held: bool) -> Result<()> {
        let what = if is_held {
            Signal::SIGSTOP
        } else {
            Signal::SIGCONT
        };
        let postmaster = self.postmaster()?;
        // The parent first, so that it creates no children meanwhile.
        signal(postmaster, what);
        for child in cpu::children_of(postmaster)? {
            signal(child, what);
        }
        Ok(())
    }

    /// Kills the server with `kill -9`. Restarts it on the same ports and Postgres.
    pub(crate) async fn kill_server(&mut self) -> Result<()> {
        signal(self.pid()?, Signal::SIGKILL);
        self.process.wait().await?;
        self.process = Self::spawn(&self.addr, &self.otlp_addr, &self.data_dir)?;
        self.wait_until_ready().await
    }

    /// Kills Postgres with `kill -9`. The server restarts it.
    pub(crate) async fn kill_postgres(&self) -> Result<()> {
        let before = self.postmaster()?;
        signal(before, Signal::SIGKILL);
        for _ in 0..600 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if self.postmaster().is_ok_and(|now| now != before) {
                return self.wait_until_ready().await;
            }
        }
        anyhow::bail!("Postgres was not started again within a minute")
    }

    pub(crate) async fn stop(mut self) -> Result<()> {
        signal(self.pid()?, Signal::SIGTERM);
        let status = self.process.wait().await?;
        ensure!(status.success(), "throughline ended with {status}");
        Ok(())
    }
}
