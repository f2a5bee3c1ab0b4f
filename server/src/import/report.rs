//! The report of an import, in numbers and as text.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use throughline_wire::TraceId;

use super::format::Format;
use crate::printable::Printable;

/// The most reasons that are printed. The count covers all rejections.
const MAX_REASONS: usize = 10;
/// The most distinct traces that are counted, which bounds the memory.
const COUNTED_TRACES: usize = 1_000_000;

/// A location in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLocation {
    /// The file.
    pub file: Arc<Path>,
    /// The line or the message, from 1.
    pub line: u64,
    /// True if `line` is the number of a message.
    pub is_message: bool,
    /// The index of the span, from 0, in a trace that begins on that line; used if the span's own
    /// line is not known.
    pub span: Option<usize>,
}

impl fmt::Display for SourceLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = if self.is_message { " message " } else { "" };
        write!(f, "{}:{message}{}", self.file.display(), self.line)?;
        match self.span {
            Some(span) => write!(f, ": span {span}"),
            None => Ok(()),
        }
    }
}

/// The counts and errors of an import.
#[derive(Debug, Default)]
pub struct Report {
    /// Spans newly stored.
    pub received: u64,
    /// Spans that were stored already.
    pub duplicate: u64,
    /// Log records and events newly stored.
    pub events: u64,
    /// Log records and events that were stored already.
    pub duplicate_events: u64,
    /// Spans, log records, or unreadable parts of a file, that were not stored.
    pub rejected: u64,
    /// The first reasons, each with its location.
    pub reasons: Vec<String>,
    /// The files that were read, each with its format and the error if it was not read to its end.
    pub files: Vec<(PathBuf, Option<Format>, Option<String>)>,
    /// The reason why the import gave up, if it did.
    pub gave_up: Option<String>,
    traces: HashSet<TraceId>,
}

impl Report {
    pub(super) fn reject(&mut self, location: &SourceLocation, count: u64, reason: &str) {
        self.rejected += count;
        if self.reasons.len() < MAX_REASONS {
            let spans = if count > 1 {
                format!("{count} items: ")
            } else {
                String::new()
            };
            self.reasons.push(format!("{location}: {spans}{reason}"));
        }
    }

    pub(super) fn add_traces(&mut self, traces: &[TraceId]) {
        for trace in traces {
            if self.traces.len() >= COUNTED_TRACES {
                return;
            }
            self.traces.insert(*trace);
        }
    }

    /// Returns the number of distinct traces of the stored spans. One million means one million or
    /// more.
    pub fn traces(&self) -> usize {
        self.traces.len()
    }

    /// Returns the number of files that were not read to their end.
    pub fn unread(&self) -> usize {
        self.files
            .iter()
            .filter(|(_, _, error)| error.is_some())
            .count()
    }

    /// Reports whether every span and log record of every file is stored.
    pub fn is_whole(&self) -> bool {
        self.rejected == 0 && self.unread() == 0 && self.gave_up.is_none()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (file, format, error) in &self.files {
            let format = format.map_or(
                "nothing to import: it is empty or has no spans",
                Format::as_str,
            );
            let text = error.as_deref().unwrap_or(format);
            writeln!(f, "{}: {}", Printable(file.display()), Printable(text))?;
        }
        let more = if self.traces.len() >= COUNTED_TRACES {
            " or more"
        } else {
            ""
        };
        let traces = self.traces.len();
        writeln!(f, "received   {:>10} spans", self.received)?;
        writeln!(f, "duplicate  {:>10} spans", self.duplicate)?;
        if self.events + self.duplicate_events > 0 {
            writeln!(f, "received   {:>10} log records", self.events)?;
            writeln!(f, "duplicate  {:>10} log records", self.duplicate_events)?;
        }
        writeln!(f, "rejected   {:>10}", self.rejected)?;
        for reason in &self.reasons {
            writeln!(f, "    {}", Printable(reason))?;
        }
        if self.rejected > 0 && self.reasons.len() == MAX_REASONS {
            writeln!(f, "    (the first {MAX_REASONS} reasons)")?;
        }
        writeln!(f, "traces     {traces:>10}{more}")?;
        match &self.gave_up {
            Some(reason) => writeln!(
                f,
                "stopped: {}; stored items stay; import the same files again to continue",
                Printable(reason)
            ),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_content_cannot_forge_a_line_of_the_summary() {
        let mut report = Report::default();
        let location = SourceLocation {
            file: Path::new("a\u{1b}[31m.json").into(),
            line: 1,
            is_message: false,
            span: None,
        };
        report.reject(&location, 1, "no such field: x\nrejected            0");
        let file = PathBuf::from("b\r.json");
        report.files.push((file, None, Some("c\u{1b}c".to_owned())));
        let text = report.to_string();
        assert!(!text.contains(|char: char| char.is_control() && char != '\n'));
        assert!(text.contains(r"b\r.json: c\u{1b}c"), "{text}");
        assert!(text.contains(r"x\nrejected"), "{text}");
    }
}
