//! Writes OTLP requests into a file, one per line or all in one document.

use std::io;

/// The layout of requests in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// One per line, as the Collector's file exporter writes them.
    #[default]
    Lines,
    /// One document. Its `resourceSpans` and `resourceLogs` hold the entries of all requests.
    Document,
}

/// A writer of requests: first those of spans, then those of log records.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    layout: Layout,
    /// The list of a document that is open now.
    list: &'static [u8],
    first: bool,
}

const SPANS: &[u8] = b"\"resourceSpans\":[";
const LOGS: &[u8] = b"\"resourceLogs\":[";
/// The bytes of a request after its only list.
const AFTER: &[u8] = b"]}";

impl<W: io::Write> Writer<W> {
    /// Creates a writer and writes the beginning of the layout.
    ///
    /// # Errors
    /// An I/O error of `out`.
    pub fn new(mut out: W, layout: Layout) -> io::Result<Self> {
        if layout == Layout::Document {
            out.write_all(b"{")?;
            out.write_all(SPANS)?;
        }
        Ok(Self {
            out,
            layout,
            list: SPANS,
            first: true,
        })
    }

    /// Writes a request of spans. Must not follow a request of log records.
    ///
    /// # Errors
    /// An I/O error of the destination.
    pub fn spans(&mut self, request: &[u8]) -> io::Result<()> {
        self.request(SPANS, request)
    }

    /// Writes a request of log records.
    ///
    /// # Errors
    /// An I/O error of the destination.
    pub fn logs(&mut self, request: &[u8]) -> io::Result<()> {
        if self.layout == Layout::Document && self.list != LOGS {
            self.out.write_all(b"],\n")?;
            self.out.write_all(LOGS)?;
            (self.list, self.first) = (LOGS, true);
        }
        self.request(LOGS, request)
    }

    fn request(&mut self, list: &[u8], request: &[u8]) -> io::Result<()> {
        match self.layout {
            Layout::Lines => {
                self.out.write_all(request)?;
                self.out.write_all(b"\n")
            }
            Layout::Document => {
                if !core::mem::take(&mut self.first) {
                    self.out.write_all(b",\n")?;
                }
                // The entries of the list, without the rest of the request.
                let entries = request.get(1 + list.len()..request.len() - AFTER.len());
                self.out.write_all(entries.unwrap_or_default())
            }
        }
    }

    /// Returns the destination.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// Writes the end, flushes, and returns the destination.
    ///
    /// # Errors
    /// An I/O error of the destination.
    pub fn finish(mut self) -> io::Result<W> {
        if self.layout == Layout::Document {
            self.out.write_all(AFTER)?;
            self.out.write_all(b"\n")?;
        }
        self.out.flush()?;
        Ok(self.out)
    }
}

#[cfg(test)]
mod tests {
    use throughline_formats::otlp::{decode_json, decode_logs_json};
    use throughline_model::{Trace, TraceReader as _, WholeEvent, WholeEvents};
    use throughline_testkit::{FakeReader, Ids, NOW, Sent, shop_trace, span};
    use throughline_wire::Limits;
    use throughline_wire::{InstrumentationScope, LogRecord, Resource, Span};

    use super::super::request::{log_requests, span_requests};
    use super::*;

    async fn whole(sent: Vec<Sent>) -> Trace {
        let id = sent[0].span.trace_id;
        let trace = FakeReader::new(sent).trace(id, None).await;
        trace.expect("memory does not fail").expect("the trace")
    }

    fn written(trace: &Trace, layout: Layout) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, layout).expect("memory does not fail");
        for request in span_requests(trace).chain(span_requests(trace)) {
            writer.spans(&request).expect("memory does not fail");
        }
        writer.finish().expect("memory does not fail");
        out
    }

    /// Returns the service and the span of each entry, in the order of ids.
    fn read(requests: &[u8]) -> Vec<(String, Span)> {
        let request = decode_json(requests).expect("a request");
        let read = request.validate(&Limits::default(), NOW);
        assert_eq!(read.rejected, []);
        let mut spans = Vec::new();
        for group in read.groups {
            let service = group.resource.service_name().into_owned();
            spans.extend(group.spans.into_iter().map(|span| (service.clone(), span)));
        }
        spans.sort_by_key(|(_, span)| span.span_id);
        spans
    }

    fn expected(trace: &Trace) -> Vec<(String, Span)> {
        let service = |at: u32| trace.resources[at as usize].service_name().into_owned();
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
        let mut sent: Vec<Sent> = (0..1_001).map(|_| large(1)).collect();
        sent.extend((0..9).map(|_| large(900_000)));
        let trace = whole(sent).await;
        let requests: Vec<Vec<u8>> = span_requests(&trace).collect();
        assert!(requests.len() >= 3, "{}", requests.len());
        let mut spans: Vec<_> = requests.iter().flat_map(|request| read(request)).collect();
        spans.sort_by_key(|(_, span)| span.span_id);
        assert!(spans == expected(&trace));
    }

    fn events(count: usize, body: usize) -> WholeEvents {
        let event = |at: usize| WholeEvent {
            record: LogRecord {
                time: NOW,
                event_name: at.to_string().into(),
                body: "b".repeat(body).into(),
                ..LogRecord::default()
            },
            resource: 0,
            scope: 0,
        };
        WholeEvents {
            resources: vec![Resource::of_service("shop")],
            scopes: vec![InstrumentationScope::default()],
            events: (0..count).map(event).collect(),
            after: None,
        }
    }

    fn records(request: &[u8]) -> Vec<LogRecord> {
        let request = decode_logs_json(request).expect("a request");
        let read = request.validate(&Limits::default(), NOW);
        assert_eq!(read.rejected, []);
        let groups = read.groups.into_iter();
        groups.flat_map(|group| group.events).collect()
    }

    #[test]
    fn log_records_follow_the_spans_of_a_document_and_may_come_without() {
        for has_spans in [true, false] {
            let mut out = Vec::new();
            let mut writer = Writer::new(&mut out, Layout::Document).expect("memory does not fail");
            if has_spans {
                let spans = b"{\"resourceSpans\":[1]}";
                writer.spans(spans).expect("memory does not fail");
            }
            let page = events(2, 1);
            for request in log_requests(&page).chain(log_requests(&page)) {
                writer.logs(&request).expect("memory does not fail");
            }
            writer.finish().expect("memory does not fail");
            let document: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
            let count = document["resourceSpans"].as_array().expect("a list").len();
            assert_eq!(count, usize::from(has_spans));
            assert_eq!(records(&out).len(), 4);
        }
    }

    #[test]
    fn large_log_records_become_several_requests_in_their_order() {
        let page = events(9, 900_000);
        let requests: Vec<Vec<u8>> = log_requests(&page).collect();
        assert!(requests.len() >= 2, "{}", requests.len());
        let read: Vec<_> = requests
            .iter()
            .flat_map(|request| records(request))
            .collect();
        let sent: Vec<_> = page
            .events
            .iter()
            .map(|event| event.record.clone())
            .collect();
        assert!(read == sent);
    }
}
