//! Starts a Postgres server or adopts a running one, and stops it.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::time::{Instant, sleep, timeout};

use super::account::Account;
use super::data_dir::DataDir;
use super::log_file::LogFile;
use super::pid_file::{self, PidFile};
use super::port;
use super::programs::Programs;

/// The interval at which a file or a process is checked.
const PACE: Duration = Duration::from_millis(50);
/// The time for which a failed start is retried. After a postmaster was killed, its child processes
/// need a moment to end.
const START_RETRY: Duration = Duration::from_secs(30);
/// The time after which a log line says that the server is still recovering.
const REMIND: Duration = Duration::from_secs(10);
/// The timeout of a shutdown, which writes a checkpoint.
const STOP: Duration = Duration::from_mins(1);
/// The settings that keep expected errors out of the log. Ingest provokes conflicts, and readers
/// cancel statements. A line without its statement and details is enough to find a real error.
const LOG_SETTINGS: [&str; 3] = [
    "log_error_verbosity=terse",
    "log_min_error_statement=panic",
    "log_checkpoints=off",
];

/// The settings to start the server of a cluster, any number of times.
#[derive(Debug)]
pub(super) struct Launch {
    cluster: PathBuf,
    log: LogFile,
    programs: Programs,
    account: Option<Account>,
    port: u16,
}

/// A running server.
#[derive(Debug)]
pub(super) struct Postmaster {
    pid: i32,
    port: u16,
    cluster: PathBuf,
    /// `None` for an adopted server.
    child: Option<Child>,
}

impl Launch {
    pub(super) fn new(data_dir: &DataDir, programs: Programs, account: Option<Account>) -> Self {
        Self {
            cluster: data_dir.cluster(),
            log: LogFile::new(data_dir.join("cluster.log")),
            programs,
            account,
            port: 0,
        }
    }

    /// Adopts the server of this cluster if a killed process left it running. Otherwise starts one,
    /// on the last port if it is free.
    pub(super) async fn adopt_or_start(&mut self, data_dir: &DataDir) -> Result<Postmaster> {
        if let Some(file) = PidFile::read(&self.cluster)
            && pid_file::runs(file.pid, &self.cluster)
        {
            tracing::info!(
                pid = file.pid,
                "using the Postgres that still runs from the last start"
            );
            let mut postmaster = self.postmaster(file.pid, file.port, None);
            self.port = file.port;
            self.wait_until_ready(&mut postmaster).await?;
            return Ok(postmaster);
        }
        self.port = port::choose(data_dir)?;
        match self.start().await {
            // Another program took the port after the check.
            Err(error) if format!("{error:#}").contains("Address already in use") => {
                port::forget(data_dir);
                self.port = port::choose(data_dir)?;
                self.start().await
            }
            started => started,
        }
    }

    /// Starts the server on its port.
    pub(super) async fn start(&self) -> Result<Postmaster> {
        let begun = Instant::now();
        loop {
            match self.try_start().await {
                Err(error)
                    if begun.elapsed() < START_RETRY && is_passing(&format!("{error:#}")) =>
                {
                    sleep(10 * PACE).await;
                }
                started => return started,
            }
        }
    }

    async fn try_start(&self) -> Result<Postmaster> {
        let log = self.log.open()?;
        let logged = log.metadata().map_or(0, |metadata| metadata.len());
        let again = log.try_clone().context("cannot open cluster.log")?;
        let child = self
            .programs
            .command("postgres", self.account.as_ref())
            .current_dir(&self.cluster)
            .arg("-D")
            .arg(&self.cluster)
            .args(["-p", &self.port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories="])
            .args([
                "-c",
                "logging_collector=off",
                "-c",
                "log_destination=stderr",
            ])
            .args(LOG_SETTINGS.iter().flat_map(|setting| ["-c", setting]))
            .stdout(Stdio::from(log))
            .stderr(Stdio::from(again))
            // Applies only if this process ends without a shutdown of the server. The next start
            // then recovers.
            .kill_on_drop(true)
            .spawn()
            .context("cannot run postgres")?;
        let pid = child.id().context("postgres stopped at once")?;
        let pid = i32::try_from(pid).context("the process id is out of range")?;
        let mut postmaster = self.postmaster(pid, self.port, Some(child));
        match self.wait_until_ready(&mut postmaster).await {
            Ok(()) => Ok(postmaster),
            Err(error) => Err(error.context(self.logged_since(logged))),
        }
    }

    fn postmaster(&self, pid: i32, port: u16, child: Option<Child>) -> Postmaster {
        let cluster = self.cluster.clone();
        Postmaster {
            pid,
            port,
            cluster,
            child,
        }
    }

    /// Waits without a timeout while the server runs, because crash recovery may take long.
    async fn wait_until_ready(&self, postmaster: &mut Postmaster) -> Result<()> {
        let mut remind = Instant::now() + REMIND;
        loop {
            let file = PidFile::read(&self.cluster);
            if file.is_some_and(|file| file.pid == postmaster.pid && file.ready) {
                return Ok(());
            }
            if timeout(PACE, postmaster.ended()).await.is_ok() {
                bail!(
                    "Postgres did not start; {} says why",
                    self.log.path().display()
                );
            }
            if Instant::now() > remind {
                tracing::info!("Postgres is still starting; it may be in crash recovery");
                remind += REMIND;
            }
        }
    }

    /// The log of the server.
    pub(super) const fn log(&self) -> &LogFile {
        &self.log
    }

    fn logged_since(&self, length: u64) -> String {
        let text = fs::read(self.log.path()).unwrap_or_default();
        let from = usize::try_from(length).unwrap_or(0).min(text.len());
        String::from_utf8_lossy(&text[from..]).trim().to_owned()
    }
}

/// Reports whether the error in `log` goes away once the processes of the previous server have
/// ended.
fn is_passing(complaint: &str) -> bool {
    [
        "pre-existing shared memory block",
        "lock file \"postmaster.pid\" already exists",
    ]
    .iter()
    .any(|words| complaint.contains(words))
}

impl Postmaster {
    /// Returns the port of the server.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Returns once the server has ended, for any reason.
    pub(super) async fn ended(&mut self) {
        match &mut self.child {
            Some(child) => {
                // An error means that the process has ended.
                let _ = child.wait().await;
            }
            None => {
                while pid_file::runs(self.pid, &self.cluster) {
                    sleep(PACE).await;
                }
            }
        }
    }

    /// Stops the server by a fast shutdown: it disconnects its clients and writes a checkpoint.
    /// After a timeout, by an immediate shutdown, which loses no committed data.
    pub(super) async fn stop(mut self) {
        for (signal, limit) in [(Signal::SIGINT, STOP), (Signal::SIGQUIT, STOP / 4)] {
            // The process may have ended already.
            let _ = kill(Pid::from_raw(self.pid), signal);
            if timeout(limit, self.ended()).await.is_ok() {
                return;
            }
            tracing::warn!("Postgres did not stop within {} s", limit.as_secs());
        }
    }
}
