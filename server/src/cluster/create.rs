//! Creates the cluster once, and recognises one that throughline created.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt as _, chown};
use std::path::Path;
use std::process::{Output, Stdio};

use anyhow::{Context as _, Result, bail};
use tokio::io::AsyncWriteExt as _;
use uuid::Uuid;

use super::account::Account;
use super::data_dir::{self, DataDir};
use super::programs::Programs;

/// The marker in a cluster that throughline created completely.
const MARKER: &str = "throughline-cluster.json";
/// The staging directory of a new cluster. It is renamed when the cluster is complete, and removed
/// if the start was interrupted.
const STAGING: &str = "postgres.new";
/// The marker in a staging directory that throughline created.
const STAGING_MARKER: &str = "made-by-throughline";

/// The settings of a new cluster. Its owner may change them in `postgresql.conf`.
const SETTINGS: &str = "
# Throughline added these when it created this cluster. Its command line sets the addresses.
shared_buffers = 128MB
max_wal_size = 2GB
synchronous_commit = on
# Each batch updates rows of traces: vacuum often, but do not analyze a growing table every few
# seconds.
autovacuum_naptime = 20s
max_connections = 60
log_line_prefix = '%m [%p] '
";

/// Reports whether the cluster exists.
///
/// # Errors
/// The folder contains files that throughline did not create. They stay as they are.
pub(super) fn exists(data_dir: &DataDir) -> Result<bool> {
    let cluster = data_dir.cluster();
    if cluster.join(MARKER).is_file() {
        return Ok(true);
    }
    if is_empty(&cluster)? {
        return Ok(false);
    }
    bail!(
        "{} contains files that throughline did not create (it has no {MARKER}); choose another \
         --data-dir, or use that cluster with --database-url",
        cluster.display()
    )
}

fn is_empty(folder: &Path) -> Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", folder.display())),
    }
}

/// Creates the cluster with a superuser `postgres`, a random password and the database
/// `throughline`. First removes the incomplete cluster of an interrupted start.
pub(super) async fn create(
    data_dir: &DataDir,
    programs: &Programs,
    account: Option<&Account>,
) -> Result<()> {
    let cluster = data_dir.cluster();
    tracing::info!(
        "creating a Postgres {} cluster in {}",
        programs.major,
        cluster.display()
    );
    let staging = data_dir.join(STAGING);
    if staging.join(STAGING_MARKER).exists() {
        fs::remove_dir_all(&staging)
            .with_context(|| format!("cannot remove the incomplete {}", staging.display()))?;
    } else if !is_empty(&staging)? {
        bail!(
            "{} exists and throughline did not create it; move it, or choose another --data-dir",
            staging.display()
        );
    }
    let mode = if account.is_some() { 0o755 } else { 0o700 };
    DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(&staging)
        .and_then(|()| fs::write(staging.join(STAGING_MARKER), ""))
        .with_context(|| format!("cannot create {}", staging.display()))?;

    let password = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let password_file = staging.join("password");
    data_dir::write_private(&password_file, &password).context("cannot write the password")?;
    give_to(&password_file, account)?;
    let made = staging.join("data");
    initialise(&made, &password_file, data_dir, programs, account).await?;

    let settings = made.join("postgresql.conf");
    let text = fs::read_to_string(&settings).context("cannot read postgresql.conf")?;
    let compression = wal_compression(&made, programs, account).await;
    let text = format!("{text}{SETTINGS}wal_compression = {compression}\n");
    fs::write(&settings, text).context("cannot write postgresql.conf")?;
    create_database(&made, data_dir, programs, account).await?;
    let marker = format!(
        "{{\"made_by\":\"throughline\",\"postgres\":{}}}\n",
        programs.major
    );
    fs::write(made.join(MARKER), marker).context("cannot write the marker")?;

    data_dir.write_private("postgres-password", &format!("{password}\n"))?;
    fs::rename(&made, &cluster).with_context(|| format!("cannot create {}", cluster.display()))?;
    fs::remove_dir_all(&staging).with_context(|| format!("cannot remove {}", staging.display()))
}

/// Returns the compression of page images in the WAL. After a checkpoint nearly every span writes a
/// page image, because one index is in the order of random trace ids. lz4 takes a fraction of the
/// time of pglz, but a Postgres that was built without lz4 does not start with it.
async fn wal_compression(
    made: &Path,
    programs: &Programs,
    account: Option<&Account>,
) -> &'static str {
    let asked = programs
        .command("postgres", account)
        .arg("-D")
        .arg(made)
        .args(["-c", "wal_compression=lz4", "-C", "wal_compression"])
        .kill_on_drop(true)
        .output()
        .await;
    if asked.is_ok_and(|output| output.status.success() && output.stdout.trim_ascii() == b"lz4") {
        "lz4"
    } else {
        "on"
    }
}

fn give_to(path: &Path, account: Option<&Account>) -> Result<()> {
    if let Some(account) = account {
        chown(path, Some(account.uid), Some(account.gid))
            .with_context(|| format!("cannot change the owner of {}", path.display()))?;
    }
    Ok(())
}

async fn initialise(
    made: &Path,
    password_file: &Path,
    data_dir: &DataDir,
    programs: &Programs,
    account: Option<&Account>,
) -> Result<()> {
    let mut stderr = String::new();
    // Some systems do not have the first one.
    for locale in ["C.UTF-8", "C"] {
        if made.exists() {
            fs::remove_dir_all(made)
                .with_context(|| format!("cannot remove {}", made.display()))?;
        }
        DirBuilder::new()
            .mode(0o700)
            .create(made)
            .with_context(|| format!("cannot create {}", made.display()))?;
        give_to(made, account)?;
        let output = programs
            .command("initdb", account)
            .current_dir(data_dir.path())
            .args([
                "--username=postgres",
                "--encoding=UTF8",
                "--auth=scram-sha-256",
            ])
            .arg(format!("--locale={locale}"))
            .arg(format!("--pwfile={}", password_file.display()))
            .arg("--pgdata")
            .arg(made)
            .kill_on_drop(true)
            .output()
            .await
            .context("cannot run initdb")?;
        if output.status.success() {
            return Ok(());
        }
        stderr = stderr_of(&output);
    }
    bail!(
        "initdb cannot create a cluster in {}: {stderr}",
        made.display()
    )
}

/// Creates the database with a single-user backend, which reads statements from its input. No
/// server needs to run.
async fn create_database(
    made: &Path,
    data_dir: &DataDir,
    programs: &Programs,
    account: Option<&Account>,
) -> Result<()> {
    let mut backend = programs
        .command("postgres", account)
        .current_dir(data_dir.path())
        .arg("--single")
        .arg("-D")
        .arg(made)
        .arg("postgres")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot run postgres")?;
    let mut input = backend
        .stdin
        .take()
        .context("the backend has no standard input")?;
    input
        .write_all(b"CREATE DATABASE throughline\n")
        .await
        .context("cannot write to postgres")?;
    drop(input);
    let output = backend
        .wait_with_output()
        .await
        .context("cannot run postgres")?;
    let stderr = stderr_of(&output);
    // The backend continues after a failed statement and exits with success.
    if !output.status.success() || stderr.contains("ERROR:") {
        bail!("cannot create the database throughline: {stderr}");
    }
    Ok(())
}

fn stderr_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_with_the_marker_counts_as_our_cluster() {
        let folder = tempfile::tempdir().expect("a folder");
        let data_dir = DataDir::open(folder.path(), None).expect("free");
        assert!(!exists(&data_dir).expect("nothing there"));
        fs::create_dir(data_dir.cluster()).expect("a folder");
        assert!(!exists(&data_dir).expect("an empty folder is nobody's"));
        fs::write(data_dir.cluster().join("PG_VERSION"), "15\n").expect("written");
        let error = exists(&data_dir).expect_err("a foreign cluster");
        assert!(error.to_string().contains("did not create"), "{error}");
        fs::write(data_dir.cluster().join(MARKER), "{}").expect("written");
        assert!(exists(&data_dir).expect("ours"));
    }
}
