//! Makes a cluster, once, and recognises one that was made here.

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

/// In a cluster: it was made here, and completely.
const MARKER: &str = "throughline-cluster.json";
/// Where a cluster is made; renamed when it is complete, removed when it never was.
const STAGING: &str = "postgres.new";
/// The marker is in the staging directory, because it was made there.
const STAGING_MARKER: &str = "made-by-throughline";

/// What a fresh cluster is told; its owner may change it there.
const SETTINGS: &str = "
# Added by throughline when it made this cluster. Where it listens is said on the command line.
shared_buffers = 128MB
max_wal_size = 2GB
synchronous_commit = on
# Every batch updates rows of the trace directory: look for dead ones often, but not so often that
# a table in growth is sampled again each few seconds.
autovacuum_naptime = 20s
max_connections = 60
log_line_prefix = '%m [%p] '
";

/// Whether the cluster is there.
///
/// # Errors
/// When something is there that was not made here: it is left alone.
pub(super) fn exists(data_dir: &DataDir) -> Result<bool> {
    let cluster = data_dir.cluster();
    if cluster.join(MARKER).is_file() {
        return Ok(true);
    }
    if is_empty(&cluster)? {
        return Ok(false);
    }
    bail!(
        "{} holds something that throughline did not make (there is no {MARKER} in it), so it is \
         left alone; choose another --data-dir, or reach that cluster with --database-url",
        cluster.display()
    )
}

fn is_empty(folder: &Path) -> Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).with_context(|| format!("reading {}", folder.display())),
    }
}

/// Makes the cluster with a superuser `postgres`, a random password and the database
/// `throughline`; half-made ones of an interrupted start are removed first.
pub(super) async fn create(
    data_dir: &DataDir,
    programs: &Programs,
    account: Option<&Account>,
) -> Result<()> {
    let cluster = data_dir.cluster();
    tracing::info!(
        "making a Postgres {} cluster in {}",
        programs.major,
        cluster.display()
    );
    let staging = data_dir.join(STAGING);
    if staging.join(STAGING_MARKER).exists() {
        fs::remove_dir_all(&staging)
            .with_context(|| format!("removing the half-made {}", staging.display()))?;
    } else if !is_empty(&staging)? {
        bail!(
            "{} is in the way and was not made by throughline",
            staging.display()
        );
    }
    let mode = if account.is_some() { 0o755 } else { 0o700 };
    DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(&staging)
        .and_then(|()| fs::write(staging.join(STAGING_MARKER), ""))
        .with_context(|| format!("making {}", staging.display()))?;

    let password = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let password_file = staging.join("password");
    data_dir::write_private(&password_file, &password).context("writing the password")?;
    give_to(&password_file, account)?;
    let made = staging.join("data");
    initialise(&made, &password_file, data_dir, programs, account).await?;

    let settings = made.join("postgresql.conf");
    let text = fs::read_to_string(&settings).context("reading postgresql.conf")?;
    let compression = wal_compression(&made, programs, account).await;
    let text = format!("{text}{SETTINGS}wal_compression = {compression}\n");
    fs::write(&settings, text).context("writing postgresql.conf")?;
    create_database(&made, data_dir, programs, account).await?;
    let marker = format!(
        "{{\"made_by\":\"throughline\",\"postgres\":{}}}\n",
        programs.major
    );
    fs::write(made.join(MARKER), marker).context("writing the marker")?;

    data_dir.write_private("postgres-password", &format!("{password}\n"))?;
    fs::rename(&made, &cluster).with_context(|| format!("making {}", cluster.display()))?;
    fs::remove_dir_all(&staging).with_context(|| format!("removing {}", staging.display()))
}

/// How to compress page images: after a checkpoint nearly every span writes one, of the index that
/// is in the order of random trace ids, and lz4 takes a fraction of what pglz does. Not every
/// Postgres is built with it, and one that is not does not start when told to use it.
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
            .with_context(|| format!("changing the owner of {}", path.display()))?;
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
    let mut complaint = String::new();
    // Not every system has the first one.
    for locale in ["C.UTF-8", "C"] {
        if made.exists() {
            fs::remove_dir_all(made).with_context(|| format!("removing {}", made.display()))?;
        }
        DirBuilder::new()
            .mode(0o700)
            .create(made)
            .with_context(|| format!("making {}", made.display()))?;
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
            .context("running initdb")?;
        if output.status.success() {
            return Ok(());
        }
        complaint = said(&output);
    }
    bail!(
        "initdb could not make a cluster in {}: {complaint}",
        made.display()
    )
}

/// Needs no running server: one backend reads statements from its input.
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
        .context("running postgres")?;
    let mut input = backend.stdin.take().context("a backend without input")?;
    input
        .write_all(b"CREATE DATABASE throughline\n")
        .await
        .context("speaking to postgres")?;
    drop(input);
    let output = backend
        .wait_with_output()
        .await
        .context("running postgres")?;
    let complaint = said(&output);
    // It carries on after a failed statement and ends well.
    if !output.status.success() || complaint.contains("ERROR:") {
        bail!("the database throughline could not be made: {complaint}");
    }
    Ok(())
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_cluster_with_our_marker_is_taken_for_ours() {
        let folder = tempfile::tempdir().expect("a folder");
        let data_dir = DataDir::open(folder.path(), None).expect("free");
        assert!(!exists(&data_dir).expect("nothing there"));
        fs::create_dir(data_dir.cluster()).expect("a folder");
        assert!(!exists(&data_dir).expect("an empty folder is nobody's"));
        fs::write(data_dir.cluster().join("PG_VERSION"), "15\n").expect("written");
        let error = exists(&data_dir).expect_err("a foreign cluster");
        assert!(error.to_string().contains("left alone"), "{error}");
        fs::write(data_dir.cluster().join(MARKER), "{}").expect("written");
        assert!(exists(&data_dir).expect("ours"));
    }
}
