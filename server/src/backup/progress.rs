//! Shows the progress of a backup or a restore on standard error.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use throughline_store::TableProgress;
use throughline_viz::format_bytes;

/// The interval between lines about a large table without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// The template on a terminal.
const SPINNER: &str = "{spinner} {msg}";

/// A spinner on a terminal, lines otherwise.
pub(super) struct Progress {
    done: &'static str,
    spinner: Option<ProgressBar>,
    last_line: Instant,
}

impl Progress {
    /// Creates the display. `done` is the verb for a finished table.
    pub(super) fn new(done: &'static str) -> Self {
        let spinner = std::io::stderr().is_terminal().then(|| {
            let spinner = ProgressBar::new_spinner();
            // If the template does not parse, indicatif's default is used.
            if let Ok(style) = ProgressStyle::with_template(SPINNER) {
                spinner.set_style(style);
            }
            spinner
        });
        Self {
            done,
            spinner,
            last_line: Instant::now(),
        }
    }

    /// Shows the progress of a table, and a line for each that is complete and not empty.
    pub(super) fn note(&mut self, now: TableProgress<'_>) {
        let line = self.line(now);
        match &self.spinner {
            Some(spinner) if now.is_complete && now.row_count > 0 => spinner.println(line),
            Some(spinner) => {
                spinner.set_message(line);
                spinner.tick();
            }
            None if now.is_complete && now.row_count > 0 => eprintln!("{line}"),
            None if !now.is_complete && self.last_line.elapsed() >= LINE_EVERY => {
                self.last_line = Instant::now();
                eprintln!("{line}");
            }
            None => {}
        }
    }

    /// Removes the spinner and keeps the lines.
    pub(super) fn end(&self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }

    fn line(&self, now: TableProgress<'_>) -> String {
        let (table, size) = (now.table, format_bytes(now.byte_count));
        if now.is_complete {
            return format!("{}: {table}, {} rows, {size}", self.done, now.row_count);
        }
        match now.row_count {
            0 => format!("{table}: {size} so far"),
            rows => format!("{table}: {rows} rows, {size} so far"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_says_table_rows_and_size() {
        let progress = Progress::new("restored");
        let now = TableProgress {
            table: "traces",
            row_count: 0,
            byte_count: 2_000,
            is_complete: false,
        };
        assert_eq!(progress.line(now), "traces: 2.0 kB so far");
        let end = TableProgress {
            row_count: 7,
            is_complete: true,
            ..now
        };
        assert_eq!(progress.line(end), "restored: traces, 7 rows, 2.0 kB");
    }
}
