//! Writes traces as OTLP requests, a line each or in one document.

use std::io;

use throughline_formats::otlp::{SpansOf, encode_json};
use throughline_model::{StoredSpan, Trace};
use throughline_wire::{AttributeValue, Attributes, Span};

/// A request takes spans until it has so many.
const REQUEST_SPANS: usize = 1_000;
/// A request takes spans until they have about so many bytes.
const REQUEST_BYTES: usize = 4 << 20;

/// How requests stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// One a line, as the Collector's file exporter writes them.
    #[default]
    Lines,
    /// One document, whose `resourceSpans` are those of all of them.
    Document,
}

/// Writes traces.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    layout: Layout,
    first: bool,
}

const BEFORE: &[u8] = b"{\"resourceSpans\":[";
const AFTER: &[u8] = b"]}";

impl<W: io::Write> Writer<W> {
    /// Begins.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(mut out: W, layout: Layout) -> io::Result<Self> {
        if layout == Layout::Document {
            out.write_all(BEFORE)?;
        }
        Ok(Self {
            out,
            layout,
            first: true,
        })
    }

    /// Writes a trace, whole.
    ///
    /// # Errors
    /// Those of the destination.
    pub fn write(&mut self, trace: &Trace) -> io::Result<()> {
        for request in requests(trace) {
            match self.layout {
                Layout::Lines => {
                    self.out.write_all(&request)?;
                    self.out.write_all(b"\n")?;
                }
                Layout::Document => {
                    if !core::mem::take(&mut self.first) {
                        self.out.write_all(b",\n")?;
                    }
                    // The entries alone, out of their request.
                    let entries = request.get(BEFORE.len()..request.len() - AFTER.len());
                    self.out.write_all(entries.unwrap_or_default())?;
                }
            }
        }
        Ok(())
    }

    /// Ends, and flushes.
    ///
    /// # Errors
    /// Those of the destination.
    pub fn finish(mut self) -> io::Result<()> {
        if self.layout == Layout::Document {
            self.out.write_all(AFTER)?;
            self.out.write_all(b"\n")?;
        }
        self.out.flush()
    }
}

/// The trace as OTLP requests of a bounded size, each without a line break.
pub fn requests(trace: &Trace) -> impl Iterator<Item = Vec<u8>> + '_ {
    let mut left = &trace.spans[..];
    core::iter::from_fn(move || {
        if left.is_empty() {
            return None;
        }
        let (now, later) = left.split_at(fitting(left));
        left = later;
        Some(request(trace, now))
    })
}

fn request(trace: &Trace, spans: &[StoredSpan]) -> Vec<u8> {
    let mut sorted: Vec<&StoredSpan> = spans.iter().collect();
    // Stable: within a scope the order stays.
    sorted.sort_by_key(|stored| (stored.resource, stored.scope));
    let groups: Vec<SpansOf<'_>> = sorted
        .chunk_by(|one, next| (one.resource, one.scope) == (next.resource, next.scope))
        .filter_map(|group| {
            let first = group.first()?;
            Some(SpansOf {
                resource: trace.resources.get(first.resource as usize)?,
                scope: trace.scopes.get(first.scope as usize)?,
                spans: group.iter().map(|stored| &stored.span).collect(),
            })
        })
        .collect();
    encode_json(&groups)
}

fn fitting(spans: &[StoredSpan]) -> usize {
    let mut bytes = 0;
    let fitting = spans
        .iter()
        .take(REQUEST_SPANS)
        .take_while(|stored| {
            bytes += weight(&stored.span);
            bytes <= REQUEST_BYTES
        })
        .count();
    fitting.max(1)
}

/// About how many bytes of text a span holds.
fn weight(span: &Span) -> usize {
    let events = span.events.iter().map(|event| &event.attributes);
    let links = span.links.iter().map(|link| &link.attributes);
    let lists = events.chain(links).chain([&span.attributes]);
    lists.map(attributes_weight).sum()
}

fn attributes_weight(attributes: &Attributes) -> usize {
    attributes
        .iter()
        .map(|(key, value)| key.len() + value_weight(value))
        .sum()
}

fn value_weight(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::Str(text) => text.len(),
        AttributeValue::Bytes(bytes) => bytes.len() * 4 / 3,
        AttributeValue::Array(values) => values.iter().map(value_weight).sum(),
        AttributeValue::Map(entries) => attributes_weight(entries),
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use throughline_formats::otlp::decode_json;
    use throughline_model::TraceReader as _;
    use throughline_testkit::{FakeReader, Ids, NOW, Sent, shop_trace, span};
    use throughline_wire::validate::Limits;

    use super::*;

    async fn whole(sent: Vec<Sent>) -> Trace {
        let id = sent[0].span.trace_id;
        let trace = FakeReader::new(sent).trace(id).await;
        trace.expect("memory does not fail").expect("the trace")
    }

    fn written(trace: &Trace, layout: Layout) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, layout).expect("memory does not fail");
        writer.write(trace).expect("memory does not fail");
        writer.write(trace).expect("memory does not fail");
        writer.finish().expect("memory does not fail");
        out
    }

    /// Name, service and spans, in the order of ids.
    fn read(requests: &[u8]) -> Vec<(String, Span)> {
        let request = decode_json(requests).expect("a request");
        let read = request.validate(&Limits::default(), NOW);
        assert_eq!(read.rejected, []);
        let mut spans = Vec::new();
        for group in read.groups {
            let service = group.resource.service_name().to_owned();
            spans.extend(group.spans.into_iter().map(|span| (service.clone(), span)));
        }
        spans.sort_by_key(|(_, span)| span.span_id);
        spans
    }

    fn expected(trace: &Trace) -> Vec<(String, Span)> {
        let service = |at: u32| trace.resources[at as usize].service_name().to_owned();
        let mut spans: Vec<_> = trace
            .spans
            .iter()
            .map(|stored| (service(stored.resource), stored.span.clone()))
            .collect();
        spans.sort_by_key(|(_, span)| span.span_id);
        spans
    }

    #[tokio::test]
    async fn every_line_is_a_request_with_the_spans_of_their_senders() {
        let trace = whole(shop_trace(&mut Ids::seeded(1))).await;
        let text = written(&trace, Layout::Lines);
        let lines: Vec<&[u8]> = text.trim_ascii_end().split(|byte| *byte == b'\n').collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(read(lines[0]), expected(&trace));
    }

    #[tokio::test]
    async fn a_document_holds_the_spans_of_all_requests() {
        let trace = whole(shop_trace(&mut Ids::seeded(1))).await;
        let spans = read(&written(&trace, Layout::Document));
        assert_eq!(spans.len(), 2 * trace.spans.len());
        let mut out = Vec::new();
        let empty = Writer::new(&mut out, Layout::Document).expect("memory does not fail");
        empty.finish().expect("memory does not fail");
        assert_eq!(out, b"{\"resourceSpans\":[]}\n");
    }

    #[tokio::test]
    async fn a_large_trace_becomes_several_requests() {
        let mut ids = Ids::seeded(7);
        let trace_id = ids.trace_id();
        let mut large = |bytes: usize| {
            let span = span("x").in_trace(trace_id).id(ids.span_id());
            let mut span = span.build();
            span.attributes.insert("payload", "p".repeat(bytes));
            Sent::by("shop", span)
        };
        let mut sent: Vec<Sent> = (0..=REQUEST_SPANS).map(|_| large(1)).collect();
        sent.extend((0..9).map(|_| large(900_000)));
        let trace = whole(sent).await;
        let requests: Vec<Vec<u8>> = requests(&trace).collect();
        assert!(requests.len() >= 3, "{}", requests.len());
        let mut spans: Vec<_> = requests.iter().flat_map(|request| read(request)).collect();
        spans.sort_by_key(|(_, span)| span.span_id);
        assert!(spans == expected(&trace));
    }
}
