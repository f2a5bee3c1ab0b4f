//! Detects the kind of an object by the names of its fields.

use super::format::Kind;
use super::scan::{Fault, Scanner};

/// The kind of an object.
pub(super) enum Found {
    /// An element itself.
    Element(Kind),
    /// A document that contains elements.
    Request,
    /// A known format that is not imported, and the reason.
    Other(&'static str),
}

pub(super) const UNKNOWN: &str = "is not OTLP, Jaeger or Zipkin JSON";
pub(super) const METRICS: &str = "contains metrics or profiles, which Throughline does not store";
pub(super) const SEARCH: &str =
    "is a response of Elasticsearch; extract the spans, the `_source` of each of `hits.hits`";
pub(super) const PRINTED: &str = "is the output of the Go SDK's `stdouttrace`, which is not OTLP";

pub(super) const NATIVE: &str =
    "is a native batch of Throughline; post it to `/api/trace-log` of a server";
const CONSOLE: &str = "is the output of the Python SDK's `ConsoleSpanExporter`, which is not OTLP";
const CHROME: &str = "is a trace of Chrome";
const XRAY: &str = "is a response of AWS X-Ray";

/// The number of bytes by which a list of spans is judged.
const SPANS_BYTES: usize = 64 << 10;

/// Reports whether the list of spans that follows is that of a native batch.
fn is_native(text: &[u8], scanner: &mut Scanner<&[u8]>) -> Result<bool, Fault> {
    scanner.peek()?;
    let spans = text.get(scanner.offset()..).unwrap_or_default();
    let spans = &spans[..spans.len().min(SPANS_BYTES)];
    let has = |key: &[u8]| spans.windows(key.len()).any(|part| part == key);
    Ok(has(b"\"trace_id\"") && has(b"\"start_ns\""))
}

/// Returns the kind of an object, by the first field that identifies it.
pub(super) fn recognise(text: &[u8], line: u64) -> Result<Option<Found>, Fault> {
    let mut scanner = Scanner::new(text, line);
    if scanner.peek()? != Some(b'{') {
        return Ok(None);
    }
    scanner.expect(b'{')?;
    let mut first = true;
    // `traceId` alone is not enough: other formats have it too.
    let mut found = None;
    while let Some(key) = scanner.next_key(first)? {
        first = false;
        found = match key.as_str() {
            "spans" => Some(if is_native(text, &mut scanner)? {
                Found::Other(NATIVE)
            } else {
                Found::Element(Kind::Jaeger)
            }),
            "traceID" | "spanID" | "processes" => Some(Found::Element(Kind::Jaeger)),
            "id" | "localEndpoint" => Some(Found::Element(Kind::Zipkin)),
            "scopeSpans"
            | "scope_spans"
            | "instrumentationLibrarySpans"
            | "instrumentation_library_spans" => Some(Found::Element(Kind::OtlpSpans)),
            "scopeLogs"
            | "scope_logs"
            | "instrumentationLibraryLogs"
            | "instrumentation_library_logs" => Some(Found::Element(Kind::OtlpLogs)),
            "resourceSpans" | "resource_spans" | "resourceLogs" | "resource_logs" | "batches"
            | "data" => Some(Found::Request),
            "resourceMetrics" | "resource_metrics" | "scopeMetrics" | "resourceProfiles" => {
                Some(Found::Other(METRICS))
            }
            "hits" => Some(Found::Other(SEARCH)),
            "SpanContext" => Some(Found::Other(PRINTED)),
            "context" => Some(Found::Other(CONSOLE)),
            "traceEvents" => Some(Found::Other(CHROME)),
            "Segments" | "Traces" => Some(Found::Other(XRAY)),
            "spanId" | "operationName" => return Ok(None),
            "traceId" => {
                found = Some(Found::Element(Kind::Zipkin));
                scanner.value(0)?;
                continue;
            }
            _ => {
                scanner.value(0)?;
                continue;
            }
        };
        break;
    }
    Ok(found)
}
