//! The real binary with a private Postgres in a temporary folder.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::process::{Child, Command};

use crate::cpu;

pub(crate) struct Server {
    process: Child,
    pid: u32,
    addr: String,
    otlp_addr: String,
    data_dir: tempfile::TempDir,
}

fn free_addr() -> Result<String> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .to_string())
}

impl Server {
    pub(crate) async fn start() -> Result<Self> {
        let data_dir = tempfile::tempdir()?;
        // Postgres may run under an account of its own: let it reach its folder.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(data_dir.path(), std::fs::Permissions::from_mode(0o755))?;
        }
        let (addr, otlp_addr) = (free_addr()?, free_addr()?);
        let process = Command::new(env!("CARGO_BIN_EXE_throughline"))
            .args([
                "serve",
                "--addr",
                &addr,
                "--otlp-addr",
                &otlp_addr,
                "--otlp-grpc-addr",
                "127.0.0.1:0",
                "--data-dir",
            ])
            .arg(data_dir.path())
            .env_remove("DATABASE_URL")
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("starting throughline")?;
        let pid = process.id().context("throughline ended at once")?;
        let server = Self {
            process,
            pid,
            addr,
            otlp_addr,
            data_dir,
        };
        server.wait_until_ready().await?;
        Ok(server)
    }

    async fn wait_until_ready(&self) -> Result<()> {
        for _ in 0..300 {
            if let Ok(answer) = reqwest::get(format!("http://{}/readyz", self.addr)).await
                && answer.status().is_success()
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        anyhow::bail!("throughline was not ready within a minute")
    }

    pub(crate) fn otlp_url(&self) -> String {
        format!("http://{}/v1/traces", self.otlp_addr)
    }

    pub(crate) fn database_url(&self) -> Result<String> {
        let url = std::fs::read_to_string(self.data_dir.path().join("database-url"))?;
        Ok(url.trim().to_owned())
    }

    pub(crate) fn cpu(&self) -> Result<f64> {
        cpu::of_process(self.pid)
    }

    pub(crate) fn postgres_cpu(&self) -> Result<f64> {
        let file = self.data_dir.path().join("postgres/postmaster.pid");
        let text = std::fs::read_to_string(file).context("postmaster.pid")?;
        let pid = text
            .lines()
            .next()
            .and_then(|line| line.trim().parse().ok());
        cpu::of_family(pid.context("postmaster.pid holds no number")?)
    }

    pub(crate) async fn stop(mut self) -> Result<()> {
        Command::new("kill")
            .arg(self.pid.to_string())
            .status()
            .await?;
        let status = self.process.wait().await?;
        ensure!(status.success(), "throughline ended with {status}");
        Ok(())
    }
}
