//! Tests of sequence numbers and starts at the native receiver, and of the completeness of a trace.

use serde_json::{Value, json};
use throughline_server::clock::Clock;
use throughline_store::testing::FreshDatabase;

use crate::program::Program;
use crate::support::{Receiver, Server, client, metric};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn started(name: &str, span_id: &str, sequence: u64) -> Value {
    // The current time, so that no partition of the past is created. Any time of the last day
    // works.
    let start_ns = Clock::system().now().get().to_string();
    json!({
        "trace_id": TRACE, "span_id": span_id, "name": name, "start_ns": start_ns,
        "sequence": sequence,
    })
}

fn ended(start: &Value) -> Value {
    let mut span = start.clone();
    span["end_ns"] = span["start_ns"].clone();
    span
}

fn batch(next: u64, spans: &[Value], starts: &[Value]) -> Value {
    json!({
        "resource": {"attributes": {"service.name": "shop-worker"}},
        "sequence": {"process": "9f1c3a5e7b2d4f60", "next": next, "settled": next},
        "spans": spans,
        "starts": starts,
    })
}

async fn post(server: &Server, batch: &Value) -> Value {
    let response = server
        .post(Receiver::Native, batch.to_string().into())
        .await;
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

async fn trace(server: &Server) -> Value {
    server.get_json(&format!("/api/admin/traces/{TRACE}")).await
}

#[tokio::test]
async fn a_span_runs_and_ends_and_a_missing_number_is_lost() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    let root = started("process confirmation", "00f067aa0ba902b7", 0);
    post(&server, &batch(1, &[], std::slice::from_ref(&root))).await;
    let running = trace(&server).await;
    assert_eq!(running["completeness"]["state"], "running");
    assert_eq!(
        running["completeness"]["running"],
        json!([["shop-worker", 1]])
    );
    assert_eq!(running["open"][0]["fate"], "running");

    post(&server, &batch(1, &[ended(&root)], &[])).await;
    let complete = trace(&server).await;
    assert_eq!(complete["completeness"]["state"], "complete");
    assert!(complete.get("open").is_none());

    let late = started("send mail", "53995c3f42cd8ad8", 2);
    post(&server, &batch(3, &[ended(&late)], &[])).await;
    let missing = trace(&server).await;
    assert_eq!(missing["completeness"]["state"], "missing");
    assert_eq!(missing["completeness"]["lost"], 1);
    assert_eq!(missing["completeness"]["spans"], 2);
}

#[tokio::test]
async fn drops_that_a_sender_reports_repeatedly_are_counted_once() {
    let database = FreshDatabase::create().await;
    let server = Program::serve_on(database.url(), &[]).await;
    let url = format!("{}/api/trace-log", server.base);
    let span = ended(&started("work", "00f067aa0ba902b7", 0));
    let mut numbered = batch(9, std::slice::from_ref(&span), &[]);
    numbered["dropped"] = json!({"queue_full": 3});
    numbered["sequence"]["dropped"] = json!({"queue_full": 8});
    // A page sends this after a lost response: the drops it reported before and those since then.
    let mut more = numbered.clone();
    more["spans"] = json!([]);
    more["dropped"] = json!({"queue_full": 5});
    more["sequence"]["dropped"] = json!({"queue_full": 10});
    let mut unnumbered = batch(1, &[ended(&started("other", "53995c3f42cd8ad8", 1))], &[]);
    unnumbered.as_object_mut().unwrap().remove("sequence");
    unnumbered["dropped"] = json!({"too_big": 2});
    let mut counts = Vec::new();
    for sent in [
        &numbered,
        &numbered,
        &more,
        &numbered,
        &unnumbered,
        &unnumbered,
    ] {
        let answer = client().post(&url).json(sent).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let name = "throughline_client_dropped_spans_total";
        counts.push(metric(&server.base, name, &[]).await);
    }
    assert_eq!(counts, [3, 3, 5, 5, 7, 7]);
    assert!(server.stop().await.success());
}

#[tokio::test]
async fn a_bad_start_is_rejected_and_the_rest_is_stored() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    let good = started("good", "00f067aa0ba902b7", 0);
    let mut bad = good.clone();
    bad["span_id"] = json!("no");
    let answer = post(&server, &batch(2, &[], &[bad.clone(), good.clone()])).await;
    let reason = answer["rejected_starts"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("starts[0].span_id: "), "{reason}");
    assert_eq!(answer["rejected_starts"].as_array().unwrap().len(), 1);
    assert_eq!(trace(&server).await["open"][0]["name"], "good");

    let mut nameless = batch(2, &[], &[good]);
    nameless.as_object_mut().unwrap().remove("sequence");
    let answer = post(&server, &nameless).await;
    assert_eq!(
        answer["rejected_starts"][0]["reason"],
        "starts[0]: the batch has no sequence"
    );
}

#[tokio::test]
async fn a_rejected_span_does_not_count_as_lost() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    let first = ended(&started("first", "00f067aa0ba902b7", 0));
    let mut refused = ended(&started("refused", "53995c3f42cd8ad8", 1));
    refused["start_ns"] = json!("-5");
    let answer = post(&server, &batch(2, &[first, refused], &[])).await;
    assert_eq!(answer["rejected"][0]["index"], 1);
    let completeness = trace(&server).await["completeness"].clone();
    assert_eq!(completeness["state"], "missing");
    assert_eq!(
        (&completeness["rejected"], &completeness["lost"]),
        (&json!(1), &json!(0))
    );
}

#[tokio::test]
async fn events_of_a_batch_belong_to_their_trace_and_only_a_bad_one_is_rejected() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    let root = ended(&started("place order", "00f067aa0ba902b7", 0));
    let placed = json!({
        "time_ns": root["start_ns"], "trace_id": TRACE, "span_id": "00f067aa0ba902b7",
        "event_name": "order.placed", "severity_number": 9, "body": "order 7",
        "attributes": {"session.id": "s-1"},
    });
    let mut bad = placed.clone();
    bad["trace_id"] = json!("no");
    let mut far = placed.clone();
    far["time_ns"] = json!("9000000000000000000");
    let mut sent = batch(1, std::slice::from_ref(&root), &[]);
    sent["events"] = json!([bad, placed, far, {"body": "of no trace"}]);
    let answer = post(&server, &sent).await;
    assert_eq!(
        (&answer["received"], &answer["received_events"]),
        (&json!(1), &json!(2))
    );
    let indexes: Vec<_> = answer["rejected_events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|no| no["index"].as_u64().unwrap())
        .collect();
    assert_eq!(indexes, [0, 2]);
    let listed = server
        .get_json(&format!("/api/admin/events?trace={TRACE}"))
        .await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");

    // The same event alone, sent again: an event with its own time is identified by its content.
    let alone = json!({"resource": sent["resource"], "events": [placed]});
    let again = post(&server, &alone).await;
    assert_eq!(again["duplicate_events"], 1, "{again}");
}

#[tokio::test]
async fn a_sender_cannot_forge_the_truncated_size() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    let mut forged = ended(&started("forged", "00f067aa0ba902b7", 0));
    forged["attributes"] = json!({
        "throughline.repairs": ["value_cut"],
        "throughline.cut_bytes": {"$int": i64::MAX.to_string()},
    });
    let mut second = forged.clone();
    second["span_id"] = json!("53995c3f42cd8ad8");
    second["sequence"] = json!(1);
    // A real repair of the server beside the forged number.
    second["attributes"]["throughline.repairs"] = json!([]);
    second["name"] = json!("nul \u{0}");
    post(&server, &batch(2, &[forged, second], &[])).await;
    let completeness = trace(&server).await["completeness"].clone();
    assert_eq!(completeness["cut_bytes"], 0, "{completeness}");
    assert_eq!(completeness["state"], "complete");
}
