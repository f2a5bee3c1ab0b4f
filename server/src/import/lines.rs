//! Distinguishes newline-delimited files from documents, so that a bad line is rejected alone.

use std::io::{self, BufRead, Read as _};

use serde::de::IgnoredAny;

use super::elements::{ELEMENT_BYTES, Sink, walk};
use super::format::Format;
use super::scan::{Fault, Scanner};

/// The most bytes that are examined to detect the layout.
const LOOKED_AT_BYTES: usize = 64 << 20;
const MARK: &[u8] = "\u{feff}".as_bytes();

/// Passes every element of `text` to `sink`. Reports a syntax error of the text as a rejection.
///
/// # Errors
/// The input itself fails.
pub(super) fn read(
    mut text: impl BufRead,
    forced: Option<Format>,
    sink: &mut dyn Sink,
) -> io::Result<()> {
    let mut start = Vec::new();
    for _ in 0..2 {
        let left = (LOOKED_AT_BYTES - start.len().min(LOOKED_AT_BYTES)) as u64;
        (&mut text).take(left).read_until(b'\n', &mut start)?;
    }
    let delimited = is_delimited(&start);
    let text = io::Cursor::new(start).chain(text);
    if delimited {
        return each_line(text, forced, sink);
    }
    let mut scanner = Scanner::new(text, 1);
    note(walk(&mut scanner, forced, sink), sink)
}

/// Reports a syntax error as a rejection.
pub(super) fn note(walked: Result<(), Fault>, sink: &mut dyn Sink) -> io::Result<()> {
    match walked {
        Ok(()) => Ok(()),
        Err(Fault::Read(error)) => Err(error),
        Err(Fault::Syntax { line, expected }) => {
            sink.reject(line, expected);
            Ok(())
        }
    }
}

fn each_line(
    mut text: impl BufRead,
    forced: Option<Format>,
    sink: &mut dyn Sink,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        let limit = ELEMENT_BYTES as u64;
        if (&mut text).take(limit).read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        if bytes.len() == ELEMENT_BYTES && bytes.last() != Some(&b'\n') {
            text.skip_until(b'\n')?;
            let limit_mib = ELEMENT_BYTES >> 20;
            sink.reject(line, format!("is longer than {limit_mib} MiB"));
            continue;
        }
        // Without the line break, so that a fault at the end gets the number of this line.
        let bytes = bytes.trim_ascii_end();
        note(walk(&mut Scanner::new(bytes, line), forced, sink), sink)?;
    }
    Ok(())
}

/// Reports whether the first line is a whole document, or the second line if the first is damaged.
fn is_delimited(start: &[u8]) -> bool {
    let start = start.strip_prefix(MARK).unwrap_or(start);
    let mut lines = start.split_inclusive(|byte| *byte == b'\n');
    let (first, second) = (lines.next().unwrap_or_default(), lines.next());
    match whole(first) {
        Ok(()) => true,
        // A lone `[` or `{` begins a document that is laid out over several lines.
        Err(_) if first.trim_ascii().len() <= 1 => false,
        Err(_) => second.is_some_and(|line| line.starts_with(b"{") && whole(line).is_ok()),
    }
}

/// Checks that `line` is one JSON value with nothing after it.
pub(super) fn whole(line: &[u8]) -> serde_json::Result<()> {
    let mut deserializer = serde_json::Deserializer::from_slice(line);
    // Ignored values are skipped without recursion, so deep nesting is safe.
    deserializer.disable_recursion_limit();
    let _: IgnoredAny = serde::Deserialize::deserialize(&mut deserializer)?;
    deserializer.end()
}

#[cfg(test)]
mod tests {
    use super::super::elements::Element;
    use super::*;

    #[derive(Default)]
    struct Lines {
        taken: Vec<u64>,
        rejected: Vec<u64>,
    }

    impl Sink for Lines {
        fn element(&mut self, element: Element) {
            self.taken.push(element.line);
        }

        fn reject(&mut self, line: u64, _: String) {
            self.rejected.push(line);
        }
    }

    fn read_text(text: &str) -> Lines {
        let mut lines = Lines::default();
        read(text.as_bytes(), None, &mut lines).expect("memory does not fail");
        lines
    }

    const GOOD: &str = "{\"resourceSpans\":[{}]}";

    #[test]
    fn a_bad_line_does_not_affect_other_lines() {
        let half = "{\"resourceSpans\":[{";
        for (lines, taken, rejected) in [
            ([GOOD, half, GOOD], [1, 3], 2),
            ([half, GOOD, GOOD], [2, 3], 1),
            ([GOOD, GOOD, half], [1, 2], 3),
            ([GOOD, "nonsense", GOOD], [1, 3], 2),
            (["nonsense", GOOD, GOOD], [2, 3], 1),
        ] {
            let read = read_text(&lines.join("\n"));
            assert_eq!(read.taken, taken, "{lines:?}");
            assert_eq!(read.rejected, [rejected], "{lines:?}");
        }
    }

    #[test]
    fn empty_lines_and_windows_line_ends_are_accepted() {
        let read = read_text(&format!("\u{feff}{GOOD}\r\n\r\n\n{GOOD}\r\n"));
        assert_eq!(read.taken, [1, 4]);
        assert!(read.rejected.is_empty());
    }

    #[test]
    fn a_pretty_printed_document_is_one_document() {
        let read = read_text("{\n\"resourceSpans\": [\n{},\n{}\n]\n}\n");
        assert_eq!(read.taken, [3, 4]);
        let read = read_text("[\n{\"id\": \"1\"}\n]");
        assert_eq!(read.taken, [2]);
        assert!(read.rejected.is_empty());
    }

    #[test]
    fn elements_before_the_damage_of_a_document_are_kept() {
        let read = read_text("{\n\"resourceSpans\": [\n{},\n{\n");
        assert_eq!(read.taken, [3]);
        assert_eq!(read.rejected.len(), 1);
    }

    #[test]
    fn an_empty_file_has_no_elements() {
        let read = read_text("");
        assert!(read.taken.is_empty() && read.rejected.is_empty());
    }
}
