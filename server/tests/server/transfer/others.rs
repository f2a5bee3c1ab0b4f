//! Tests of files with Zipkin spans and with log records.

use std::collections::BTreeSet;

use serde_json::json;
use throughline_model::{EventFilter, EventPageRequest};
use throughline_testkit::NOW;

use super::side::Side;
use super::{TRACE, file, folder, otlp_line, otlp_span};

fn zipkin_span(id: &str, changes: &serde_json::Value) -> serde_json::Value {
    let mut span = json!({
        "traceId": TRACE, "id": id, "name": "x", "timestamp": NOW.get() / 1_000, "duration": 1,
        "localEndpoint": {"serviceName": "backend"},
    });
    for (key, value) in changes.as_object().expect("an object") {
        span[key] = value.clone();
    }
    span
}

#[tokio::test]
async fn zipkin_spans_of_a_file_find_their_parents_and_only_a_bad_one_is_rejected() {
    let (side, folder) = (Side::new().await, folder());
    // The form of a query response: a list of traces, here laid out over several lines.
    let text = format!(
        "[\n[{},\n{}, {{\"traceId\": what}}, {}],\n[{}]]",
        zipkin_span("a", &json!({"shared": true})),
        zipkin_span("b", &json!({"parentId": "a"})),
        zipkin_span("c", &json!({"timestamp": "soon"})),
        zipkin_span("d", &json!({"parentId": "b"})),
    );
    let path = file(&folder, "zipkin.json", &text);
    let report = side.import(&path).await;
    assert_eq!((report.received, report.rejected), (3, 2), "{report}");
    let name = path.display();
    assert!(
        report.reasons[0].starts_with(&format!("{name}:3: ")),
        "{report}"
    );
    assert!(
        report.reasons[1].starts_with(&format!("{name}:3: ")),
        "{report}"
    );
    assert!(report.to_string().contains("Zipkin JSON"), "{report}");
    let trace = side.trace(TRACE.parse().expect("an id")).await;
    let spans = || trace.spans.iter().map(|stored| &stored.span);
    let server = spans().find(|span| span.attributes.get("zipkin.shared").is_some());
    let child = spans().find(|span| span.span_id.to_string() == "000000000000000b");
    let server = server.expect("the server's span");
    assert_eq!(server.span_id.to_string(), "000000000000000a");
    assert_eq!(server.parent_span_id, None);
    assert_eq!(
        child.expect("its child").parent_span_id,
        Some(server.span_id)
    );
}

#[tokio::test]
async fn zipkin_spans_over_the_decode_limit_are_all_stored_once() {
    let (side, folder) = (Side::new().await, folder());
    let spans: Vec<_> = (1..=2_500)
        .map(|id| zipkin_span(&format!("{id:x}"), &json!({})))
        .collect();
    let path = file(&folder, "zipkin.json", &json!(spans).to_string());
    let report = side.import(&path).await;
    assert!(report.is_whole(), "{report}");
    assert_eq!((report.received, report.traces()), (2_500, 1));
    assert_eq!(side.import(&path).await.duplicate, 2_500);
}

fn log_record(name: &str) -> serde_json::Value {
    json!({
        "timeUnixNano": NOW.to_string(), "eventName": name, "traceId": TRACE,
        "spanId": "0000000000000001", "severityNumber": 9, "body": {"stringValue": "it happened"},
    })
}

fn log_request(records: &[serde_json::Value]) -> serde_json::Value {
    let service = json!({"key": "service.name", "value": {"stringValue": "shop"}});
    json!({"resourceLogs": [{
        "resource": {"attributes": [service]}, "scopeLogs": [{"logRecords": records}],
    }]})
}

#[tokio::test]
async fn log_records_are_imported_beside_spans_and_only_a_bad_one_is_rejected() {
    let folder = folder();
    let bad = json!({"timeUnixNano": NOW.to_string(), "traceId": "xyz"});
    let lines = [
        log_request(&[log_record("order.placed"), bad, log_record("order.paid")]).to_string(),
        otlp_line(&[otlp_span(TRACE, "0000000000000001")]),
        "{\"resourceLogs\":[{".to_owned(),
        log_request(&[log_record("order.sent")]).to_string(),
    ];
    let document = format!(
        "{:#}\n{}",
        log_request(&[log_record("order.placed")]),
        lines[1]
    );
    let side = Side::new().await;
    let path = file(&folder, "logs.jsonl", &lines.join("\n"));
    let report = side.import(&path).await;
    assert_eq!(
        (report.received, report.events, report.rejected),
        (1, 3, 2),
        "{report}"
    );
    let name = path.display();
    assert!(
        report.reasons[0].starts_with(&format!("{name}:1: traceId: ")),
        "{report}"
    );
    assert!(
        report.reasons[1].starts_with(&format!("{name}:3: ")),
        "{report}"
    );
    assert!(report.to_string().contains("3 log records"), "{report}");
    let path = file(&folder, "logs.json", &document);
    let again = side.import(&path).await;
    assert!(again.is_whole(), "{again}");
    assert_eq!((again.events, again.duplicate_events), (0, 1));
    assert_eq!((again.received, again.duplicate), (0, 1));

    let filter = EventFilter {
        trace: TRACE.parse().ok(),
        ..EventFilter::default()
    };
    let page = side
        .reader()
        .list_events(&filter, EventPageRequest::default())
        .await
        .unwrap();
    let stored: BTreeSet<_> = page
        .items
        .iter()
        .map(|event| (event.service.as_str(), event.record.event_name.as_ref()))
        .collect();
    let names = ["order.paid", "order.placed", "order.sent"];
    assert_eq!(stored, names.map(|name| ("shop", name)).into());
    assert_eq!(page.items[0].record.body, "it happened".into());
}
