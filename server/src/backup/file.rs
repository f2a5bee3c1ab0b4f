//! The file of a backup. It gets its final name only when it is complete.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// The size of the buffer for writing the file, in bytes.
const WRITE_BYTES: usize = 256 << 10;

/// A file, or standard output. If it is dropped before [`Self::finish`], it removes what it wrote.
pub(super) struct BackupFile {
    out: BufWriter<Output>,
    /// The temporary name of the incomplete file, and its final name.
    names: Option<(PathBuf, PathBuf)>,
}

enum Output {
    File(File),
    Stdout(io::Stdout),
}

impl BackupFile {
    /// Creates the file under a temporary name that marks it as incomplete. [`Self::finish`]
    /// replaces an existing `path` only if `is_forced`.
    pub(super) fn create(path: &Path, is_forced: bool) -> Result<Self> {
        let (output, names) = if path == Path::new("-") {
            (Output::Stdout(io::stdout()), None)
        } else {
            if !is_forced && path.exists() {
                bail!("{} exists; use --force to replace it", path.display());
            }
            let mut partial = path.as_os_str().to_owned();
            partial.push(".partial");
            let partial = PathBuf::from(partial);
            let file = create_private(&partial)
                .with_context(|| format!("cannot create {}", partial.display()))?;
            (Output::File(file), Some((partial, path.to_owned())))
        };
        Ok(Self {
            out: BufWriter::with_capacity(WRITE_BYTES, output),
            names,
        })
    }

    /// Writes the rest, syncs it to disk, and gives the file its final name.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.out.flush()?;
        if let Output::File(file) = self.out.get_ref() {
            file.sync_all()?;
        }
        if let Some((partial, path)) = &self.names {
            fs::rename(partial, path)?;
            self.names = None;
        }
        Ok(())
    }
}

/// Creates a file that only its owner can read: a backup holds all traced data.
fn create_private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

impl Drop for BackupFile {
    fn drop(&mut self) {
        if let Some((partial, _)) = &self.names {
            // The name of a leftover file marks it as incomplete.
            let _ = fs::remove_file(partial);
        }
    }
}

impl Write for BackupFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Stdout(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Stdout(out) => out.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complete_file_gets_its_name_and_existing_one_is_replaced_only_by_force() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.backup");
        let mut file = BackupFile::create(&path, false).expect("creates");
        file.write_all(b"one").expect("writes");
        assert!(!path.exists());
        file.finish().expect("finishes");
        assert_eq!(fs::read(&path).expect("is there"), b"one");

        assert!(BackupFile::create(&path, false).is_err());
        let mut abandoned = BackupFile::create(&path, true).expect("creates");
        abandoned.write_all(b"two").expect("writes");
        drop(abandoned);
        assert_eq!(fs::read(&path).expect("is there"), b"one");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);

        let mut file = BackupFile::create(&path, true).expect("creates");
        file.write_all(b"two").expect("writes");
        file.finish().expect("finishes");
        assert_eq!(fs::read(&path).expect("is there"), b"two");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }
}
