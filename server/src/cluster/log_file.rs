//! The log file of the private cluster. Its size is bounded.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

/// The size from which the log is rotated, in bytes.
const MAX_BYTES: u64 = 8 << 20;
/// The number of rotated logs that are kept beside the current one.
const KEPT: u32 = 3;
/// The time between two looks at the size.
const EVERY: Duration = Duration::from_secs(10);

/// `cluster.log`, to which Postgres appends, and the rotated logs `cluster.log.1` to
/// `cluster.log.3`. Together they take at most 32 MiB, and what Postgres writes in ten seconds.
#[derive(Debug, Clone)]
pub(super) struct LogFile {
    path: PathBuf,
}

impl LogFile {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the log for appending. Rotates it first if it is too large.
    ///
    /// # Errors
    /// Returns an error if the file cannot be opened.
    pub(super) fn open(&self) -> Result<File> {
        self.rotate_if_large(MAX_BYTES);
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.path)
            .with_context(|| format!("opening {}", self.path.display()))
    }

    /// Rotates the log whenever it is too large. Never returns.
    pub(super) async fn rotate_for_ever(&self) {
        loop {
            tokio::time::sleep(EVERY).await;
            let log = self.clone();
            // A copy of 8 MiB. A panic is reported by the task itself.
            let _ = tokio::task::spawn_blocking(move || log.rotate_if_large(MAX_BYTES)).await;
        }
    }

    /// Rotates the log if it is larger than `max_bytes`. A failure is reported and tried again: the
    /// log is worth less than the database.
    fn rotate_if_large(&self, max_bytes: u64) {
        let size = fs::metadata(&self.path).map_or(0, |metadata| metadata.len());
        if size > max_bytes
            && let Err(error) = self.rotate()
        {
            tracing::warn!(%error, "cannot rotate {}", self.path.display());
        }
    }

    /// Copies the log and truncates it. Postgres keeps its file open in append mode, so it goes on
    /// at the new end. Lines that it writes between the copy and the truncation are lost.
    fn rotate(&self) -> io::Result<()> {
        for number in (1..KEPT).rev() {
            match fs::rename(self.rotated(number), self.rotated(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::copy(&self.path, self.rotated(1))?;
        OpenOptions::new().write(true).open(&self.path)?.set_len(0)
    }

    fn rotated(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_log_stays_bounded_while_postgres_appends_to_it() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let log = LogFile::new(folder.path().join("cluster.log"));
        let mut open = log.open()?;
        let line = [b'x'; 999];
        for round in 0..50 {
            for _ in 0..10 {
                open.write_all(&line)?;
                open.write_all(b"\n")?;
            }
            writeln!(open, "round {round}")?;
            log.rotate_if_large(5_000);
        }
        let mut sizes = Vec::new();
        for entry in fs::read_dir(folder.path())? {
            sizes.push(entry?.metadata()?.len());
        }
        assert_eq!(sizes.len(), 1 + KEPT as usize);
        assert!(sizes.iter().all(|size| *size < 11_000), "{sizes:?}");
        let newest = fs::read_to_string(log.rotated(1))?;
        assert!(newest.ends_with("round 49\n"));
        Ok(())
    }
}
