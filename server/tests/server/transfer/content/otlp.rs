//! Reads OTLP: a resource with its spans.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{SpanContent, id, list, text, whole};

pub(super) fn spans(resource: &Value) -> Vec<SpanContent> {
    let of = resource.get("resource").unwrap_or(&Value::Null);
    let service = attributes(of).remove("service.name");
    let service = service.and_then(|name| name.as_str().map(str::to_owned));
    let scopes = ["scopeSpans", "instrumentationLibrarySpans"];
    let scopes = scopes.iter().flat_map(|name| list(resource, name));
    scopes
        .flat_map(|scope| list(scope, "spans"))
        .map(|sent| span(sent, service.as_deref().unwrap_or_default()))
        .collect()
}

fn span(sent: &Value, service: &str) -> SpanContent {
    let status = sent.get("status").unwrap_or(&Value::Null);
    let code = status.get("code").unwrap_or(&Value::Null);
    SpanContent {
        trace: id(sent.get("traceId"), 32),
        span: id(sent.get("spanId"), 16),
        parent: Some(id(sent.get("parentSpanId"), 16)),
        name: text(sent, "name"),
        kind: kind(sent.get("kind").unwrap_or(&Value::Null)),
        start: whole(sent, "startTimeUnixNano"),
        end: whole(sent, "endTimeUnixNano"),
        service: service.to_owned(),
        failed: *code == json!(2) || *code == json!("STATUS_CODE_ERROR"),
        message: Some(text(status, "message")),
        attributes: attributes(sent),
        events: list(sent, "events")
            .iter()
            .map(|event| {
                let time = whole(event, "timeUnixNano").unwrap_or_default();
                (time, text(event, "name"), attributes(event))
            })
            .collect(),
        links: list(sent, "links")
            .iter()
            .map(|link| (id(link.get("traceId"), 32), id(link.get("spanId"), 16)))
            .collect(),
    }
}

fn kind(kind: &Value) -> u64 {
    const NAMES: [&str; 6] = [
        "UNSPECIFIED",
        "INTERNAL",
        "SERVER",
        "CLIENT",
        "PRODUCER",
        "CONSUMER",
    ];
    let name = kind
        .as_str()
        .and_then(|name| name.strip_prefix("SPAN_KIND_"));
    let named = NAMES.iter().position(|known| Some(*known) == name);
    named.map_or_else(|| kind.as_u64().unwrap_or_default(), |at| at as u64)
}

fn attributes(of: &Value) -> BTreeMap<String, Value> {
    let pairs = list(of, "attributes").iter();
    pairs
        .map(|pair| (text(pair, "key"), plain(&pair["value"])))
        .collect()
}

/// Returns the value of an `AnyValue`, independent of how it is written.
fn plain(value: &Value) -> Value {
    let Some((kind, inner)) = value.as_object().and_then(|value| value.iter().next()) else {
        return Value::Null;
    };
    match kind.as_str() {
        "intValue" => whole(value, kind).map_or(json!(0), |number| json!(number as i64)),
        "doubleValue" => inner.as_f64().map_or_else(|| inner.clone(), |it| json!(it)),
        "bytesValue" => json!({"bytes": inner}),
        "arrayValue" => list(inner, "values").iter().map(plain).collect(),
        "kvlistValue" => {
            let pairs = list(inner, "values").iter();
            let pairs: Map<_, _> = pairs
                .map(|pair| (text(pair, "key"), plain(&pair["value"])))
                .collect();
            json!({"map": pairs})
        }
        _ => inner.clone(),
    }
}
