//! A throw-away Postgres cluster for tests and benchmarks.

use std::time::Duration;

use anyhow::Result;

use crate::context::Context;
use crate::process::Service;
use crate::temporary::TemporaryFolder;

/// The timeout for the start. If Postgres is not installed, the first start downloads it.
const START: Duration = Duration::from_secs(300);

/// A cluster. Dropping this value stops and removes it.
pub(crate) struct Database {
    // Fields drop in order: stop the cluster first, then remove its folder.
    _service: Service,
    url: String,
    _folder: TemporaryFolder,
}

impl Database {
    /// Starts a new cluster with the server binary of a profile: `debug` or `release`.
    pub(crate) fn start(context: &Context, profile: &str) -> Result<Self> {
        let binary = context.target.join(profile).join("throughline");
        let folder = TemporaryFolder::new("postgres")?;
        let command = context
            .cmd(binary)
            .args(["postgres", "--data-dir"])
            .arg(folder.path())
            .env_remove("DATABASE_URL");
        let log = folder.path().join("postgres.log");
        let mut service = Service::start("Postgres", command, Some(&log))?;
        let url = service.wait_for_line("DATABASE_URL=", START)?;
        Ok(Self {
            _service: service,
            url,
            _folder: folder,
        })
    }

    /// Returns a superuser's URL of a database in the cluster.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}
