//! Runs `throughline import` and `throughline export` from start to end.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use throughline_model::{StorageGauge, StorageLevel};
use throughline_store::{Store, StoreError, StoreOptions};
use throughline_viz::format_bytes;
use throughline_wire::{TenantId, TraceId};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::cli::{ExportOptions, ImportOptions};
use crate::clock::Clock;
use crate::export::{Destination, ExportError, Layout, Selection, export};
use crate::import::{Import, import};
use crate::readiness::Readiness;
use crate::serve::Database;
use crate::tasks::{StorageWatch, TaskOptions, Tasks};

/// The timeout for reading one trace, which may be large.
const READ_TIMEOUT: Duration = Duration::from_mins(10);
/// The delay between two attempts to connect to the database.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// Runs `throughline import`: prints a report.
///
/// # Errors
/// An error for the person who started the program if anything was not stored.
pub async fn run_import(options: ImportOptions) -> Result<()> {
    let database = Database::open_or_join(&options.database).await?;
    let imported = import_into(&options, database.url()).await;
    database.close().await;
    imported
}

async fn import_into(options: &ImportOptions, url: &str) -> Result<()> {
    let clock = Clock::system();
    let store_options = options.write.store_options(&clock);
    let store = Arc::new(Store::connect_lazy(url, store_options)?);
    migrate(&store, options.timeout).await?;
    let (stop, stopping) = watch::channel(false);
    let tasks = Tasks::start_for_import(
        &store,
        &Readiness::ready(),
        TaskOptions {
            rules: options.write.retention.rules(),
            limits: options.write.storage.limits(),
            data_dir: options.database.private_folder(),
        },
        &stopping,
    );
    let imported = import_watched(options, &store, &tasks.storage(), clock).await;
    stop.send_replace(true);
    tasks.ended().await;
    store.close().await;
    imported
}

async fn import_watched(
    options: &ImportOptions,
    store: &Store,
    storage: &StorageWatch,
    clock: Clock,
) -> Result<()> {
    check_space(&storage.measure().await).context("nothing was imported")?;
    let what = Import {
        files: options.files.clone(),
        format: options.format,
        timeout: options.timeout,
        limits: options.write.limits(),
    };
    let report = import(what, &store.writer(), clock).await;
    print!("{report}");
    io::stdout()
        .flush()
        .context("cannot write to standard output")?;
    if report.is_whole() {
        return Ok(());
    }
    if report.gave_up.is_some() {
        check_space(&storage.gauge()).context("the import stopped")?;
    }
    bail!(
        "the import is incomplete: {} items were rejected, {} files were not read to their end",
        report.rejected,
        report.unread()
    )
}

/// Checks that the storage is not full.
///
/// # Errors
/// An error that names the limit which is reached.
fn check_space(gauge: &StorageGauge) -> Result<()> {
    if gauge.level() < StorageLevel::Full {
        return Ok(());
    }
    if let Some(free) = gauge.free_bytes.filter(|free| *free < gauge.reserve_bytes) {
        bail!(
            "the disk has {} free, and {} must stay free (--disk-reserve)",
            format_bytes(free),
            format_bytes(gauge.reserve_bytes)
        );
    }
    bail!(
        "the database has {} of its budget of {} (--storage-budget), and 90 % is the limit",
        format_bytes(gauge.used_bytes),
        format_bytes(gauge.budget_bytes.unwrap_or_default())
    )
}

/// Migrates the schema as soon as the database is available.
async fn migrate(store: &Store, timeout: Duration) -> Result<()> {
    let started = Instant::now();
    loop {
        match store.migrate().await {
            Ok(_) => return Ok(()),
            Err(error @ StoreError::Database(_)) if started.elapsed() < timeout => {
                tracing::warn!("{error}; retrying");
                sleep(TRY_EVERY).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Runs `throughline export`.
///
/// # Errors
/// An error for the person who started the program if anything was not written.
pub async fn run_export(options: ExportOptions) -> Result<()> {
    let database = Database::open_or_join(&options.database).await?;
    let exported = export_from(&options, database.url()).await;
    database.close().await;
    exported
}

async fn export_from(options: &ExportOptions, url: &str) -> Result<()> {
    let clock = Clock::system();
    let store = Store::connect_lazy(
        url,
        StoreOptions {
            read_timeout: READ_TIMEOUT,
            answer_timeout: READ_TIMEOUT,
            ..StoreOptions::new(move || clock.now())
        },
    )?;
    store.migrate().await?;
    let selection = if options.traces.is_empty() {
        let filter = options.filter.0.clone().unwrap_or_default();
        Selection::Filter(filter, options.limit)
    } else {
        Selection::Traces(options.traces.clone())
    };
    let layout = if options.document {
        Layout::Document
    } else {
        Layout::Lines
    };
    let mut out = Destination::open(options.output.as_deref()).context("cannot open the output")?;
    let reader = store.reader(TenantId::DEFAULT);
    let exported = export(&reader, selection, &mut out, layout).await;
    store.close().await;
    let exported = match exported {
        Ok(exported) => exported,
        Err(error) => {
            out.abandon();
            // The reader of the output has closed it.
            if is_broken_pipe(&error) {
                return Ok(());
            }
            return Err(error.into());
        }
    };
    if exported.traces == 0 && !exported.missing.is_empty() {
        // Writes no file if none of the given traces exists.
        out.abandon();
        bail!(missing(&exported.missing));
    }
    out.finish().context("cannot write the output")?;
    eprintln!(
        "exported {} spans of {} traces and {} log records",
        exported.spans, exported.traces, exported.events
    );
    if exported.missing.is_empty() {
        return Ok(());
    }
    bail!(missing(&exported.missing))
}

fn missing(ids: &[TraceId]) -> String {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    format!("found no trace {}", ids.join(", "))
}

fn is_broken_pipe(error: &ExportError) -> bool {
    matches!(error, ExportError::Write(error) if error.kind() == io::ErrorKind::BrokenPipe)
}
