//! Shows how far an import is: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::source::Source;
use crate::printable::Printable;

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// Of a file whose size is known.
const BAR: &str = "{prefix} [{bar:30}] {bytes}/{total_bytes} ({eta} left) {msg}";
/// Of standard input.
const SPINNER: &str = "{prefix} {spinner} {bytes} {msg}";

/// How far it is.
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
    told: Instant,
}

impl Progress {
    /// For a person, when standard error is a terminal.
    pub(super) fn new() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            spans: AtomicU64::new(0),
            file: Mutex::new(None),
        }
    }

    /// A file begins.
    pub(super) fn begin(&self, path: &Path, source: &Source) {
        let name = Printable(path.display()).to_string();
        let bar = self.terminal.then(|| {
            let bar = source
                .size
                .map_or_else(ProgressBar::new_spinner, ProgressBar::new);
            let template = source.size.map_or(SPINNER, |_| BAR);
            // A template that cannot be read would leave indicatif's own.
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
            told: Instant::now(),
        });
    }

    /// More of it was read.
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
        } else if current.told.elapsed() >= LINE_EVERY {
            current.told = Instant::now();
            let part = current.size.map_or_else(
                || format!("{taken} bytes"),
                |size| format!("{} %", taken * 100 / size.max(1)),
            );
            eprintln!("{}: {part} read, {spans} spans stored", current.name);
        }
    }

    /// So many more spans are stored.
    pub(super) fn stored(&self, spans: u64) {
        self.spans.fetch_add(spans, Ordering::Relaxed);
    }

    /// The file ends.
    pub(super) fn end(&self) {
        if let Some(bar) = self.current().take().and_then(|current| current.bar) {
            bar.finish_and_clear();
        }
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Option<Current>> {
        // Nothing that holds it panics half-way through a change.
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
