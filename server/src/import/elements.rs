//! Splits a document into elements small enough to hold in memory, and detects their format from
//! their content.
//!
//! | text | element |
//! |---|---|
//! | `{"resourceSpans": [..]}`, `{"resourceLogs": [..]}` | one entry of the list: a resource with all its spans |
//! | `{"batches": [..]}`, as Tempo and Grafana write `resourceSpans` | the same |
//! | `{"resource": .., "scopeSpans": [..]}`, as OpenTelemetry's Java SDK logs them, or `scopeLogs` | it is such an entry |
//! | `{"data": [..]}`, `[{"traceID", "spans"}, ..]` | one trace of Jaeger |
//! | `[{"traceId", "id"}, ..]`, `[[..], ..]` | one span of Zipkin |
//!
//! Any of them may be wrapped once in `{"result": ..}`, as Jaeger's newer API does, or in
//! `{"trace": ..}`, as Tempo's does. Several documents may follow one another. A list of one
//! element may omit its brackets.

#[cfg(test)]
mod tests;

use std::io::BufRead;

use super::format::{Format, Kind};
use super::recognise::{Found, UNKNOWN, recognise};
use super::scan::{Fault, Raw, Scanner};

/// The size of the largest element, in bytes: the most text held in memory at a time.
pub(super) const ELEMENT_BYTES: usize = 256 << 20;

/// A part of a file that is decoded by itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) kind: Kind,
    /// The line it begins on, or the number of its message.
    pub(super) line: u64,
    pub(super) text: Vec<u8>,
}

/// A consumer of elements.
pub(super) trait Sink {
    /// Takes the next element.
    fn element(&mut self, element: Element);
    /// Takes the reason why a part of the file cannot be an element.
    fn reject(&mut self, line: u64, reason: String);
    /// Says that the elements have the numbers of messages instead of lines.
    fn number_messages(&mut self) {}
}

/// Passes every element of every document of `scanner` to `sink`.
///
/// # Errors
/// The text is not JSON. The elements before the error were passed on.
pub(super) fn walk<R: BufRead>(
    scanner: &mut Scanner<R>,
    forced: Option<Format>,
    sink: &mut dyn Sink,
) -> Result<(), Fault> {
    let mut walker = Walker { forced, sink };
    while scanner.peek()?.is_some() {
        walker.document(scanner, true)?;
    }
    Ok(())
}

struct Walker<'a> {
    forced: Option<Format>,
    sink: &'a mut dyn Sink,
}

impl Walker<'_> {
    fn document<R: BufRead>(
        &mut self,
        scanner: &mut Scanner<R>,
        wrapped: bool,
    ) -> Result<(), Fault> {
        match scanner.peek()? {
            Some(b'[') => self.array(scanner),
            Some(b'{') => self.object(scanner, wrapped),
            _ => Err(scanner.syntax("expected an object or an array")),
        }
    }

    fn array<R: BufRead>(&mut self, scanner: &mut Scanner<R>) -> Result<(), Fault> {
        scanner.expect(b'[')?;
        let mut first = true;
        while scanner.next_element(first)? {
            first = false;
            if scanner.peek()? == Some(b'[') {
                self.each(scanner, Kind::Zipkin)?;
            } else {
                let raw = scanner.value(ELEMENT_BYTES)?;
                self.judge(raw)?;
            }
        }
        Ok(())
    }

    /// Passes each element of an array as one of `kind`.
    fn each<R: BufRead>(&mut self, scanner: &mut Scanner<R>, kind: Kind) -> Result<(), Fault> {
        match scanner.peek()? {
            Some(b'[') => scanner.expect(b'[')?,
            Some(b'{') => {
                let raw = scanner.value(ELEMENT_BYTES)?;
                self.take(kind, raw);
                return Ok(());
            }
            _ => {
                let raw = scanner.value(ELEMENT_BYTES)?;
                // Some programs write an empty list as `null`.
                if raw.text.as_deref() != Some(b"null") {
                    self.sink.reject(raw.line, "expected a list".to_owned());
                }
                return Ok(());
            }
        }
        let mut first = true;
        while scanner.next_element(first)? {
            first = false;
            let raw = scanner.value(ELEMENT_BYTES)?;
            self.take(kind, raw);
        }
        Ok(())
    }

    fn object<R: BufRead>(&mut self, scanner: &mut Scanner<R>, wrapped: bool) -> Result<(), Fault> {
        scanner.expect(b'{')?;
        let line = scanner.line();
        let mut known = false;
        // The other fields of the object, which may be a trace or a span itself.
        let mut rest = b"{".to_vec();
        let mut first = true;
        while let Some(key) = scanner.next_key(first)? {
            first = false;
            let list = match key.as_str() {
                "resourceSpans" | "resource_spans" | "batches" => Some(Kind::OtlpSpans),
                "resourceLogs" | "resource_logs" => Some(Kind::OtlpLogs),
                "data" => Some(Kind::Jaeger),
                _ => None,
            };
            if let Some(kind) = list {
                known = true;
                self.each(scanner, kind)?;
            } else if matches!(key.as_str(), "result" | "trace")
                && wrapped
                && scanner.peek()? == Some(b'{')
            {
                known = true;
                self.object(scanner, false)?;
            } else {
                let raw = scanner.value(ELEMENT_BYTES)?;
                remember(&mut rest, &key, raw);
            }
        }
        rest.push(b'}');
        // An empty object is an empty request.
        if !known && rest.len() > 2 {
            let text = (rest.len() <= ELEMENT_BYTES).then_some(rest);
            self.judge(Raw { line, text })?;
        }
        Ok(())
    }

    /// Detects an element of an array, or a document, by its fields.
    fn judge(&mut self, raw: Raw) -> Result<(), Fault> {
        let line = raw.line;
        let Some(text) = raw.text.as_deref() else {
            self.sink.reject(line, too_long());
            return Ok(());
        };
        match recognise(text, line)? {
            Some(Found::Element(kind)) => self.take(kind, raw),
            Some(Found::Request) => self.object(&mut Scanner::new(text, line), false)?,
            None => match self.forced {
                Some(Format::Jaeger) => self.take(Kind::Jaeger, raw),
                Some(Format::Zipkin) => self.take(Kind::Zipkin, raw),
                _ => self.sink.reject(line, UNKNOWN.to_owned()),
            },
            Some(Found::Other(what)) => self.sink.reject(line, what.to_owned()),
        }
        Ok(())
    }

    fn take(&mut self, kind: Kind, raw: Raw) {
        let line = raw.line;
        match (raw.text, self.forced) {
            (Some(_), Some(forced)) if forced != kind.format() => {
                let (found, forced) = (kind.format().as_str(), forced.as_str());
                self.sink
                    .reject(line, format!("is {found}, but --format is {forced}"));
            }
            (Some(text), _) => self.sink.element(Element { kind, line, text }),
            (None, _) => self.sink.reject(line, too_long()),
        }
    }
}

fn too_long() -> String {
    format!(
        "is larger than {} MiB, the limit for one part of a document; use a newline-delimited file",
        ELEMENT_BYTES >> 20
    )
}

/// Adds a field to the object that `rest` begins. A field that is too long makes the whole object
/// too long.
fn remember(rest: &mut Vec<u8>, key: &str, raw: Raw) {
    if rest.len() > ELEMENT_BYTES {
        return;
    }
    if rest.len() > 1 {
        rest.push(b',');
    }
    rest.extend_from_slice(serde_json::Value::from(key).to_string().as_bytes());
    rest.push(b':');
    match raw.text {
        Some(text) => rest.extend_from_slice(&text),
        None => rest.resize(ELEMENT_BYTES + 1, b' '),
    }
}
