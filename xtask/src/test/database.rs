//! A throw-away Postgres cluster for tests and benchmarks.

use std::time::Duration;

use anyhow::Result;

use crate::context::Context;
use crate::process::Service;
use crate::temporary::TemporaryFolder;

/// Fetching Postgres is part of the first start where none is installed.
const START: Duration = Duration::from_secs(300);

/// A cluster that lives as long as this value.
pub(crate) struct Database {
    // Stopped first, then its folder goes.
    _service: Service,
    url: String,
    _folder: TemporaryFolder,
}

impl Database {
    /// Starts a fresh cluster with the server binary of a profile: `debug` or `release`.
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

    /// A superuser's URL of some database in the cluster.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}
