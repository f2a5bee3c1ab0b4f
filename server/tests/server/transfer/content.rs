//! Compares the content of a file with its export. It reads the JSON by rules of its own, so that a
//! bug of the importer does not hide itself.

mod jaeger;
mod otlp;
mod zipkin;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use serde_json::Value;

/// The content of one span. `None` means that the file does not contain the field.
#[derive(Debug, Default, Clone)]
pub(super) struct SpanContent {
    trace: String,
    span: String,
    /// The parent's id; empty for a root.
    parent: Option<String>,
    name: String,
    kind: u64,
    /// Nanoseconds since 1970.
    start: Option<i128>,
    end: Option<i128>,
    service: String,
    failed: bool,
    message: Option<String>,
    attributes: BTreeMap<String, Value>,
    /// The time in nanoseconds, the name and the attributes of each event.
    events: Vec<(i128, String, BTreeMap<String, Value>)>,
    /// The trace id and span id of each link.
    links: Vec<(String, String)>,
}

/// The result of comparing a file with its export.
pub(super) struct Compared {
    /// The number of spans in the file.
    pub(super) span_count: usize,
    /// The spans that differ in the export, each as text.
    pub(super) lost: Vec<String>,
}

/// Compares `file` with `exported`, a file of OTLP JSON.
pub(super) fn compare(file: &Path, exported: &Path) -> Compared {
    let exported = Exported::of(read(exported));
    let sent = read(file);
    Compared {
        span_count: sent.len(),
        lost: sent
            .iter()
            .filter_map(|sent| exported.lacks(sent))
            .collect(),
    }
}

fn read(file: &Path) -> Vec<SpanContent> {
    let bytes = fs::read(file).expect("reads");
    // Reads up to the first syntax error, which the importer reports.
    let documents = serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>();
    documents
        .map_while(Result::ok)
        .flat_map(|it| spans(&it))
        .collect()
}

fn spans(value: &Value) -> Vec<SpanContent> {
    if let Value::Array(items) = value {
        return items.iter().flat_map(spans).collect();
    }
    for wrapper in ["data", "result", "trace", "resourceSpans", "batches"] {
        if let Some(inner) = value.get(wrapper) {
            return spans(inner);
        }
    }
    let has = |key: &str| value.get(key).is_some();
    if has("scopeSpans") || has("instrumentationLibrarySpans") {
        otlp::spans(value)
    } else if has("spanID") || has("processes") {
        jaeger::spans(value)
    } else if has("traceId") && has("id") {
        vec![zipkin::span(value)]
    } else {
        Vec::new()
    }
}

struct Exported {
    spans: HashMap<(String, String), Vec<SpanContent>>,
}

impl Exported {
    fn of(sent: Vec<SpanContent>) -> Self {
        let mut spans: HashMap<_, Vec<SpanContent>> = HashMap::new();
        for span in sent {
            let key = (span.trace.clone(), span.span.clone());
            spans.entry(key).or_default().push(span);
        }
        Self { spans }
    }

    fn lacks(&self, sent: &SpanContent) -> Option<String> {
        let key = (sent.trace.clone(), sent.span.clone());
        let found = self.spans.get(&key).map_or(&[][..], Vec::as_slice);
        let faults: Vec<_> = found
            .iter()
            .map(|found| Self::differs(sent, found))
            .collect();
        if faults.iter().any(Option::is_none) {
            return None;
        }
        let faults: Vec<_> = faults.into_iter().flatten().collect();
        let (trace, span, name) = (&sent.trace, &sent.span, &sent.name);
        Some(format!("{trace} {span} {name}: {}", faults.join(" | ")))
    }

    /// Returns the difference between `sent` and `found`, if there is one.
    fn differs(sent: &SpanContent, found: &SpanContent) -> Option<String> {
        let lost = |what: &str, sent: &dyn std::fmt::Debug, found: &dyn std::fmt::Debug| {
            Some(format!("{what}: {sent:?} became {found:?}"))
        };
        if (&sent.name, &sent.service) != (&found.name, &found.service) {
            let of = |sent: &SpanContent| (sent.name.clone(), sent.service.clone());
            return lost("name and service", &of(sent), &of(found));
        }
        // A repaired span has the repairs attribute, and differs from the file on purpose.
        if found.attributes.contains_key("throughline.repairs") {
            return None;
        }
        let parent = found.parent.clone().unwrap_or_default();
        if sent.parent.as_ref().is_some_and(|sent| *sent != parent) {
            return lost("parent", &sent.parent, &parent);
        }
        let status = |span: &SpanContent| (span.kind, span.failed);
        if status(sent) != status(found) {
            return lost("kind and failure", &status(sent), &status(found));
        }
        if sent.message.is_some() && sent.message != found.message {
            return lost("message", &sent.message, &found.message);
        }
        for (what, sent, found) in [
            ("start", sent.start, found.start),
            ("end", sent.end, found.end),
        ] {
            if sent.is_some() && sent != found {
                return lost(what, &sent, &found);
            }
        }
        for (key, value) in &sent.attributes {
            if found.attributes.get(key) != Some(value) {
                return lost(key, value, &found.attributes.get(key));
            }
        }
        let event = sent
            .events
            .iter()
            .find(|event| !found.events.contains(event));
        if event.is_some() || sent.events.len() != found.events.len() {
            return lost("event", &event, &found.events);
        }
        let link = sent.links.iter().find(|link| !found.links.contains(link));
        link.and_then(|link| lost("link", link, &found.links))
    }
}

/// Returns an id of `length` hexadecimal characters; empty if it is all zeros or missing.
fn id(value: Option<&Value>, length: usize) -> String {
    use base64::Engine as _;
    let text = value.and_then(Value::as_str).unwrap_or_default();
    let bytes = base64::engine::general_purpose::STANDARD.decode(text);
    let hex = match bytes.as_deref() {
        Ok(bytes) if text.ends_with('=') && bytes.len() * 2 == length => {
            let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
            digits
                .filter_map(|digit| char::from_digit(digit.into(), 16))
                .collect()
        }
        _ => text.to_ascii_lowercase(),
    };
    if hex.bytes().all(|byte| byte == b'0') {
        return String::new();
    }
    format!("{hex:0>length$}")
}

fn text(value: &Value, key: &str) -> String {
    let text = value.get(key).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// Returns a whole number, given as a number or as text, if it is not zero.
fn whole(value: &Value, key: &str) -> Option<i128> {
    let value = value.get(key)?;
    let number = match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_i64().map(i128::from),
    };
    number.filter(|number| *number != 0)
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    let list = value.get(key).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}
