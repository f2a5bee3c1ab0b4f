//! The commands `throughline backup` and `throughline restore`: the whole database as one file.

mod file;
mod progress;

use std::io::{self, BufReader, Read};
use std::path::Path;

use anyhow::{Context as _, Result};
use throughline_store::{BackupReport, Gauge, Store, StoreOptions};
use throughline_viz::format_bytes;

use self::file::BackupFile;
use self::progress::Progress;
use crate::cli::{BackupCommand, RestoreCommand};
use crate::clock::Clock;
use crate::maintain::disk_gauge;
use crate::serve::Database;

/// The size of the buffer for reading a file, in bytes.
const READ_BYTES: usize = 256 << 10;

/// Runs `throughline backup`: writes the file, and prints what it holds.
///
/// # Errors
/// An error for the person who started the program. In that case there is no new file; an old one
/// stays.
pub async fn backup(command: BackupCommand) -> Result<()> {
    let file = BackupFile::create(&command.file, command.force)?;
    let database = Database::open_or_join(&command.database).await?;
    let gauge = disk_gauge(&command.database, command.disk_reserve.bytes());
    let saved = save(database.url(), file, &gauge).await;
    database.close().await;
    let report = saved?;
    eprintln!("backed up {}", describe(report));
    Ok(())
}

async fn save(url: &str, mut file: BackupFile, gauge: &Gauge) -> Result<BackupReport> {
    let store = store(url).await?;
    let mut progress = Progress::new("backed up");
    let saved = store
        .backup(&mut file, gauge, |now| progress.note(now))
        .await;
    progress.end();
    store.close().await;
    let report = saved?;
    file.finish().context("cannot write the backup")?;
    Ok(report)
}

/// Runs `throughline restore`: restores the file, and prints what it held.
///
/// # Errors
/// An error for the person who started the program. In that case nothing was restored.
pub async fn restore(command: RestoreCommand) -> Result<()> {
    let input = open(&command.file)?;
    let database = Database::open(&command.database).await?;
    let gauge = disk_gauge(&command.database, command.disk_reserve.bytes());
    let restored = load(database.url(), input, &gauge).await;
    database.close().await;
    let report = restored?;
    eprintln!("restored {}", describe(report));
    Ok(())
}

async fn load(url: &str, input: Box<dyn Read>, gauge: &Gauge) -> Result<BackupReport> {
    let store = store(url).await?;
    store.migrate().await?;
    let mut progress = Progress::new("restored");
    let restored = store.restore(input, gauge, |now| progress.note(now)).await;
    progress.end();
    store.close().await;
    Ok(restored?)
}

fn open(path: &Path) -> Result<Box<dyn Read>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file =
        std::fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    Ok(Box::new(BufReader::with_capacity(READ_BYTES, file)))
}

async fn store(url: &str) -> Result<Store> {
    let clock = Clock::system();
    Ok(Store::connect(url, StoreOptions::new(move || clock.now())).await?)
}

fn describe(report: BackupReport) -> String {
    format!(
        "{} rows of {} tables, {} before compression",
        report.row_count,
        report.table_count,
        format_bytes(report.byte_count)
    )
}
