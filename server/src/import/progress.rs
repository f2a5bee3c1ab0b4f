//! Shows the progress of an import: a bar on a terminal, a line every 10 s otherwise.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::source::Source;
use crate::printable::Printable;

/// The interval between lines without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// The template for a file of known size.
const BAR: &str = "{prefix} [{bar:30}] {bytes}/{total_bytes} ({eta} left) {msg}";
/// The template for standard input.
const SPINNER: &str = "{prefix} {spinner} {bytes} {msg}";

/// The progress of an import.
#[derive(Debug)]
pub(super) struct Progress {
    terminal: bool,
    spans: AtomicU64,
    file: Mutex<Option<Current>>,
}

#[derive(Debug)]
struct Current {
    name: String,
    taken: Arc<AtomicU64>,
    size: Option<u64>,
    bar: Option<ProgressBar>,
    last_line: Instant,
}

impl Progress {
    /// Creates the display. It shows a bar if standard error is a terminal.
    pub(super) fn new() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            spans: AtomicU64::new(0),
            file: Mutex::new(None),
        }
    }

    /// Begins a file.
    pub(super) fn begin(&self, path: &Path, source: &Source) {
        let name = Printable(path.display()).to_string();
        let bar = self.terminal.then(|| {
            let bar = source
                .size
                .map_or_else(ProgressBar::new_spinner, ProgressBar::new);
            let template = source.size.map_or(SPINNER, |_| BAR);
            // If the template does not parse, indicatif's default is used.
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.with_prefix(name.clone())
        });
        *self.current() = Some(Current {
            name,
            taken: Arc::clone(&source.taken),
            size: source.size,
            bar,
            last_line: Instant::now(),
        });
    }

    /// Shows that more of the file was read.
    pub(super) fn tick(&self) {
        let spans = self.spans.load(Ordering::Relaxed);
        let mut current = self.current();
        let Some(current) = current.as_mut() else {
            return;
        };
        let taken = current.taken.load(Ordering::Relaxed);
        if let Some(bar) = &current.bar {
            bar.set_position(taken);
            bar.set_message(format!("{spans} spans stored"));
        } else if current.last_line.elapsed() >= LINE_EVERY {
            current.last_line = Instant::now();
            let part = current.size.map_or_else(
                || format!("{taken} bytes"),
                |size| format!("{} %", taken * 100 / size.max(1)),
            );
            eprintln!("{}: {part} read, {spans} spans stored", current.name);
        }
    }

    /// Adds to the number of stored spans.
    pub(super) fn stored(&self, spans: u64) {
        self.spans.fetch_add(spans, Ordering::Relaxed);
    }

    /// Ends the file.
    pub(super) fn end(&self) {
        if let Some(bar) = self.current().take().and_then(|current| current.bar) {
            bar.finish_and_clear();
        }
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Option<Current>> {
        // No holder of the lock panics in the middle of a change, so a poisoned value is still
        // valid.
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
