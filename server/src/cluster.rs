//! The private Postgres cluster, which this server creates, starts, watches and stops.
//!
//! All its files are in the data directory: `postgres/` is the cluster, `postgres-password` the
//! password of its superuser, `postgres-port` its port, `database-url` its URL while it runs, and
//! `cluster.log` its log. It listens on loopback only.

mod account;
mod create;
mod data_dir;
mod download;
mod log_file;
mod pid_file;
mod port;
mod postmaster;
mod programs;
mod supervise;

use std::path::Path;

use anyhow::Result;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use self::account::Account;
use self::data_dir::{DataDir, URL_FILE};
use self::postmaster::Launch;
use self::programs::Programs;

/// A running cluster that belongs to this process.
#[derive(Debug)]
pub struct Cluster {
    database_url: String,
    stop: oneshot::Sender<()>,
    supervisor: JoinHandle<()>,
    // Holds the lock of the folder until the cluster has stopped.
    data_dir: DataDir,
}

impl Cluster {
    /// Starts the cluster of `data_dir`. Creates it if there is none. Takes over one that a killed
    /// server left running.
    ///
    /// # Errors
    /// An error for the person who started the program: another server uses the folder, the folder
    /// holds files that Throughline did not create, or no Postgres is available.
    pub async fn start(data_dir: &Path) -> Result<Self> {
        let account = Account::for_postgres()?;
        let data_dir = DataDir::open(data_dir, account.as_ref())?;
        let exists = create::exists(&data_dir)?;
        let programs = Programs::for_cluster(&data_dir, account.as_ref()).await?;
        if !exists {
            create::create(&data_dir, &programs, account.as_ref()).await?;
        }
        let mut launch = Launch::new(&data_dir, programs, account);
        let postmaster = launch.adopt_or_start(&data_dir).await?;
        let database_url = data_dir.database_url(postmaster.port())?;
        data_dir.write_private(URL_FILE, &format!("{database_url}\n"))?;

        let (stop, stopped) = oneshot::channel();
        let supervisor = tokio::spawn(supervise::supervise(postmaster, launch, stopped));
        Ok(Self {
            database_url,
            stop,
            supervisor,
            data_dir,
        })
    }

    /// Returns the URL of the cluster in `data_dir` if another Throughline process runs it. The URL
    /// contains the password.
    pub fn running(data_dir: &Path) -> Option<String> {
        data_dir::url_if_in_use(data_dir)
    }

    /// Returns the URL of the database `throughline` for its superuser. The URL contains the
    /// password.
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// Stops the cluster. Postgres disconnects its clients; committed data is on disk.
    pub async fn stop(self) {
        // A supervisor that has already ended has nothing left to stop.
        let _ = self.stop.send(());
        let _ = self.supervisor.await;
        self.data_dir.remove(URL_FILE);
    }
}
