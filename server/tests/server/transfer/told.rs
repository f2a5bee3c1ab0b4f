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
pub(super) struct Told {
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
    pub(super) told: usize,
    /// The spans that differ in the export, each as text.
    pub(super) lost: Vec<String>,
}

/// Compares `file` with `exported`, a file of OTLP JSON.
pub(super) fn compare(file: &Path, exported: &Path) -> Compared {
    let exported = Exported::of(read(exported));
    let told = read(file);
    Compared {
        told: told.len(),
        lost: told
            .iter()
            .filter_map(|told| exported.lacks(told))
            .collect(),
    }
}

fn read(file: &Path) -> Vec<Told> {
    let bytes = fs::read(file).expect("reads");
    // Reads up to the first syntax error, which the importer reports.
    let documents = serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>();
    documents
        .map_while(Result::ok)
        .flat_map(|it| spans(&it))
        .collect()
}

fn spans(value: &Value) -> Vec<Told> {
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
    spans: HashMap<(String, String), Vec<Told>>,
}

impl Exported {
    fn of(told: Vec<Told>) -> Self {
        let mut spans: HashMap<_, Vec<Told>> = HashMap::new();
        for span in told {
            let key = (span.trace.clone(), span.span.clone());
            spans.entry(key).or_default().push(span);
        }
        Self { spans }
    }

    fn lacks(&self, told: &Told) -> Option<String> {
        let key = (told.trace.clone(), told.span.clone());
        let found = self.spans.get(&key).map_or(&[][..], Vec::as_slice);
        let faults: Vec<_> = found
            .iter()
            .map(|found| Self::differs(told, found))
            .collect();
        if faults.iter().any(Option::is_none) {
            return None;
        }
        let faults: Vec<_> = faults.into_iter().flatten().collect();
        let (trace, span, name) = (&told.trace, &told.span, &told.name);
        Some(format!("{trace} {span} {name}: {}", faults.join(" | ")))
    }

    /// Returns the difference between `told` and `found`, if there is one.
    fn differs(told: &Told, found: &Told) -> Option<String> {
        let lost = |what: &str, told: &dyn std::fmt::Debug, found: &dyn std::fmt::Debug| {
            Some(format!("{what}: {told:?} became {found:?}"))
        };
        if (&told.name, &told.service) != (&found.name, &found.service) {
            let of = |told: &Told| (told.name.clone(), told.service.clone());
            return lost("name and service", &of(told), &of(found));
        }
        // A repaired span has the repairs attribute, and differs from the file on purpose.
        if found.attributes.contains_key("throughline.repairs") {
            return None;
        }
        let parent = found.parent.clone().unwrap_or_default();
        if told.parent.as_ref().is_some_and(|told| *told != parent) {
            return lost("parent", &told.parent, &parent);
        }
        let status = |span: &Told| (span.kind, span.failed);
        if status(told) != status(found) {
            return lost("kind and failure", &status(told), &status(found));
        }
        if told.message.is_some() && told.message != found.message {
            return lost("message", &told.message, &found.message);
        }
        for (what, told, found) in [
            ("start", told.start, found.start),
            ("end", told.end, found.end),
        ] {
            if told.is_some() && told != found {
                return lost(what, &told, &found);
            }
        }
        for (key, value) in &told.attributes {
            if found.attributes.get(key) != Some(value) {
                return lost(key, value, &found.attributes.get(key));
            }
        }
        let event = told
            .events
            .iter()
            .find(|event| !found.events.contains(event));
        if event.is_some() || told.events.len() != found.events.len() {
            return lost("event", &event, &found.events);
        }
        let link = told.links.iter().find(|link| !found.links.contains(link));
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
