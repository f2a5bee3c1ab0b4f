//! `throughline import`: files of OTLP, Jaeger and Zipkin straight into the store.
//!
//! Newline-delimited files are read line by line, documents element by element ([`elements`]). So
//! the memory does not grow with the file: it is bounded by the largest decoded line or element (at
//! most 256 MiB) and by the batches in flight. A bad line, element or span is rejected alone.

mod content;
mod elements;
mod format;
mod lines;
mod messages;
mod otlp;
mod progress;
mod read;
mod recognise;
mod report;
mod scan;
mod source;
mod store;
mod text;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use throughline_store::Writer;
use throughline_wire::Limits;
use tokio::sync::mpsc;

use self::progress::Progress;
use self::read::{Settings, read_files};
use crate::clock::Clock;

pub use self::format::Format;
pub use self::report::{Report, SourceLocation};

/// The capacity of the channel from the thread that reads to the tasks that store.
const QUEUED: usize = 2;

/// The settings of an import.
#[derive(Debug, Clone)]
pub struct Import {
    /// The files; `-` is standard input.
    pub files: Vec<PathBuf>,
    /// The format of the files. `None` detects it from their content.
    pub format: Option<Format>,
    /// The time after which the import stops if the database is unavailable or overloaded.
    pub timeout: Duration,
    /// The limits of a span.
    pub limits: Limits,
}

/// Returns `limits` for files. Old spans are accepted: their age does not indicate a wrong clock.
pub fn file_limits(limits: Limits) -> Limits {
    Limits {
        unmarked_behind_ns: i64::MAX,
        unmarked_ahead_ns: limits.ahead_ns,
        ..limits
    }
}

/// Stores the content of the files and returns a report.
pub async fn import(import: Import, writer: &Writer, clock: Clock) -> Report {
    let stop = Arc::new(AtomicBool::new(false));
    let settings = Settings {
        format: import.format,
        clock,
        limits: file_limits(import.limits),
        stop: Arc::clone(&stop),
    };
    let progress = Arc::new(Progress::new());
    let (out, messages) = mpsc::channel(QUEUED);
    let reading = {
        let progress = Arc::clone(&progress);
        tokio::task::spawn_blocking(move || {
            read_files(import.files, &settings, &progress, &out);
        })
    };
    let mut report = store::store(writer, messages, import.timeout, &progress, &stop).await;
    if reading.await.is_err() {
        report.gave_up = Some("internal error while reading the files; see the log".to_owned());
    }
    report
}
