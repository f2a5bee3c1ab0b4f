//! Reads Zipkin spans.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{SpanContent, id, list, text, whole};

const NANOS_PER_MICRO: i128 = 1_000;

pub(super) fn span(sent: &Value) -> SpanContent {
    let start = whole(sent, "timestamp").map(|micros| micros * NANOS_PER_MICRO);
    let duration = whole(sent, "duration").map(|micros| micros * NANOS_PER_MICRO);
    let ends = |end: &str| sent.get(end).unwrap_or(&Value::Null);
    let mut attributes = BTreeMap::new();
    for (end, side) in [("localEndpoint", "local"), ("remoteEndpoint", "peer")] {
        let end = ends(end);
        let address = ["ipv4", "ipv6"].map(|key| text(end, key));
        if let Some(address) = address.into_iter().find(|text| !text.is_empty()) {
            attributes.insert(format!("network.{side}.address"), json!(address));
        }
        if let Some(port) = whole(end, "port") {
            attributes.insert(format!("network.{side}.port"), json!(port as i64));
        }
    }
    let peer = text(ends("remoteEndpoint"), "serviceName");
    if !peer.is_empty() {
        attributes.insert("peer.service".to_owned(), json!(peer));
    }
    for (key, value) in sent
        .get("tags")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        attributes.insert(key.clone(), value.clone());
    }
    let error = attributes.remove("error");
    let error = error.as_ref().and_then(Value::as_str);
    let code = attributes.remove("otel.status_code");
    attributes.retain(|key, _| !key.starts_with("otel."));
    SpanContent {
        trace: id(sent.get("traceId"), 32),
        span: id(sent.get("id"), 16),
        parent: Some(id(sent.get("parentId"), 16)),
        name: text(sent, "name"),
        kind: kind(&text(sent, "kind")),
        start,
        end: start.and_then(|start| Some(start + duration?)),
        service: text(ends("localEndpoint"), "serviceName"),
        failed: error.is_some_and(|text| text != "false") || code == Some(json!("ERROR")),
        message: error
            .filter(|text| !matches!(*text, "" | "true" | "false"))
            .map(str::to_owned),
        attributes,
        events: list(sent, "annotations")
            .iter()
            .map(|it| {
                let time = whole(it, "timestamp").unwrap_or_default();
                (time * NANOS_PER_MICRO, text(it, "value"), BTreeMap::new())
            })
            .collect(),
        links: Vec::new(),
    }
}

fn kind(kind: &str) -> u64 {
    const NAMES: [&str; 4] = ["SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
    let at = NAMES.iter().position(|known| *known == kind);
    at.map_or(1, |at| at as u64 + 2)
}
