//! The data directory: its lock, its files and their permissions.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::account::Account;

/// The file in the data directory with the URL of the running cluster.
pub(super) const URL_FILE: &str = "database-url";
const LOCK_FILE: &str = "throughline.lock";

/// A locked data directory. No other server uses it until this value is dropped.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    // The lock ends with the process, also after a crash. Child processes do not inherit it.
    _lock: File,
}

impl DataDir {
    /// Creates the directory if it is missing, and locks it.
    pub(super) fn open(path: &Path, account: Option<&Account>) -> Result<Self> {
        // Postgres runs under another account and must reach its own private folder in it.
        let mode = if account.is_some() { 0o755 } else { 0o700 };
        DirBuilder::new()
            .recursive(true)
            .mode(mode)
            .create(path)
            .with_context(|| format!("cannot create the data directory {}", path.display()))?;
        let path = path
            .canonicalize()
            .with_context(|| format!("cannot read {}", path.display()))?;
        if let Some(account) = account {
            account.check_reaches(&path)?;
        }
        let lock = lock(&path)?;
        Ok(Self { path, _lock: lock })
    }

    /// Returns the path of a file or folder in the directory.
    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Returns the path of the directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of the cluster.
    pub(super) fn cluster(&self) -> PathBuf {
        self.join("postgres")
    }

    /// Writes a file that only its owner may read, by an atomic rename.
    pub(super) fn write_private(&self, name: &str, text: &str) -> Result<()> {
        let file = self.join(name);
        let new = self.join(&format!("{name}.new"));
        write_private(&new, text)
            .and_then(|()| fs::rename(&new, &file))
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// Reads a file; `None` if it does not exist.
    pub(super) fn read(&self, name: &str) -> Result<Option<String>> {
        let file = self.join(name);
        match fs::read_to_string(&file) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
        }
    }

    /// Removes a file if it exists.
    pub(super) fn remove(&self, name: &str) {
        let _ = fs::remove_file(self.join(name));
    }

    /// Returns the URL of the database `throughline` of a cluster that listens on `port`.
    pub(super) fn database_url(&self, port: u16) -> Result<String> {
        let password = self.read("postgres-password")?.with_context(|| {
            format!(
                "{} is missing; throughline cannot connect to the cluster without it",
                self.join("postgres-password").display()
            )
        })?;
        Ok(format!(
            "postgres://postgres:{password}@127.0.0.1:{port}/throughline"
        ))
    }
}

/// Writes a file that only its owner may read.
pub(super) fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    let mut opened = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(file)?;
    // An existing file would keep its mode.
    opened.set_permissions(Permissions::from_mode(0o600))?;
    opened.write_all(text.as_bytes())?;
    opened.sync_all()
}

/// Returns the URL of the cluster in `path` if another process has locked the directory and written
/// the URL.
pub(super) fn url_if_in_use(path: &Path) -> Option<String> {
    let lock = File::open(path.join(LOCK_FILE)).ok()?;
    if !matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return None;
    }
    let url = fs::read_to_string(path.join(URL_FILE)).ok()?;
    Some(url.trim().to_owned()).filter(|url| !url.is_empty())
}

fn lock(path: &Path) -> Result<File> {
    let name = path.join(LOCK_FILE);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&name)
        .with_context(|| format!("cannot open {}", name.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // The process id is only for the error message.
            let _ = file.read_to_string(&mut holder);
            bail!(
                "another throughline (process {}) uses the data directory {}; stop it first, or \
                 choose another directory with --data-dir",
                holder.trim(),
                path.display()
            );
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", name.display()));
        }
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .with_context(|| format!("cannot write {}", name.display()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_server_on_a_data_directory_gets_the_process_id_of_the_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = DataDir::open(folder.path(), None).expect("free");
        let error = DataDir::open(folder.path(), None).expect_err("held");
        let process = format!("process {}", std::process::id());
        assert!(error.to_string().contains(&process), "{error}");
        drop(first);
        DataDir::open(folder.path(), None).expect("free again");
    }

    #[test]
    fn a_private_file_is_readable_by_its_owner_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let data_dir = DataDir::open(folder.path(), None).expect("free");
        data_dir.write_private("secret", "x\n").expect("written");
        let mode = data_dir
            .join("secret")
            .metadata()
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(data_dir.read("secret").expect("read").as_deref(), Some("x"));
        assert_eq!(data_dir.read("missing").expect("no error"), None);
    }
}
