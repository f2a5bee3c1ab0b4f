//! Requests of a few kilobytes that decode into millions of small items.

use reqwest::StatusCode;
use throughline_store::testing::FreshDatabase;

use super::conservation::check_memory;
use crate::program::Program;
use crate::support::{Coding, Receiver, client, fetch, hex, span, text};

/// The largest decompressed body, in bytes.
const BODY_BYTES: usize = 4 << 20;
/// The number of copies that are sent at once.
const AT_ONCE: usize = 3;

struct Bomb {
    name: &'static str,
    path: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
}

/// Repeats `unit` between `before` and `after`.
fn json(name: &'static str, path: &'static str, [before, unit, after]: [&str; 3]) -> Bomb {
    let mut body = before.as_bytes().to_vec();
    body.extend(unit.as_bytes().repeat(BODY_BYTES / unit.len()));
    // Removes the comma after the last unit.
    body.pop();
    body.extend(after.as_bytes());
    let content_type = "application/json";
    Bomb {
        name,
        path,
        content_type,
        body,
    }
}

/// Repeats `unit` in the innermost of nested messages with these fields, after `beside`.
fn protobuf(
    name: &'static str,
    path: &'static str,
    (fields, beside, unit): (&[u32], &[u8], &[u8]),
) -> Bomb {
    let mut body = beside.to_vec();
    body.extend(unit.repeat(BODY_BYTES / unit.len()));
    for field in fields.iter().rev() {
        let inner = core::mem::take(&mut body);
        throughline_codec::binary::writer::bytes(*field, &inner, &mut body);
    }
    let content_type = "application/x-protobuf";
    Bomb {
        name,
        path,
        content_type,
        body,
    }
}

fn bombs() -> Vec<Bomb> {
    let ids = "\"traceId\":\"11111111111111111111111111111111\",\"spanId\":\"1111111111111111\",\
               \"startTimeUnixNano\":\"1800000000000000000\"";
    let span = format!("{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{{{ids},");
    let native = "{\"spans\":[{\"trace_id\":\"11111111111111111111111111111111\",\
                  \"span_id\":\"1111111111111111\",\"name\":\"\",\"start_ns\":\"1\",\"end_ns\":\"1\",";
    let zipkin = "[{\"traceId\":\"11111111111111111111111111111111\",\"id\":\"1111111111111111\",";
    let mut binary_ids = vec![0x0a, 16];
    binary_ids.extend([1; 16]);
    binary_ids.extend([0x12, 8, 1, 1, 1, 1, 1, 1, 1, 1]);
    let with = |head: &str, list: &str| format!("{head}{list}");
    vec![
        protobuf("scopes", "/v1/traces", (&[1], &[], &[0x12, 0])),
        protobuf("resources", "/v1/logs", (&[], &[], &[0x0a, 0])),
        protobuf(
            "attributes",
            "/v1/traces",
            (&[1, 2, 2], &binary_ids, &[0x4a, 0]),
        ),
        protobuf(
            "events",
            "/v1/traces",
            (&[1, 2, 2], &binary_ids, &[0x5a, 0]),
        ),
        protobuf("a body", "/v1/logs", (&[1, 2, 2, 5, 5], &[], &[0x0a, 0])),
        json(
            "events",
            "/v1/traces",
            [&with(&span, "\"events\":["), "{},", "]}]}]}]}"],
        ),
        json(
            "an array",
            "/v1/traces",
            [
                &with(
                    &span,
                    "\"attributes\":[{\"key\":\"k\",\"value\":{\"arrayValue\":{\"values\":[",
                ),
                "{},",
                "]}}}]}]}]}]}",
            ],
        ),
        json(
            "an array",
            "/api/trace-log",
            [&with(native, "\"attributes\":{\"k\":["), "0,", "]}}]}"],
        ),
        json(
            "events",
            "/api/trace-log",
            [&with(native, "\"events\":["), "{},", "]}]}"],
        ),
        json(
            "annotations",
            "/api/v2/spans",
            [&with(zipkin, "\"annotations\":["), "{},", "]}]"],
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_of_many_small_items_do_not_exceed_the_memory_limit() {
    let database = FreshDatabase::create().await;
    let server = Program::serve_on(database.url(), &[]).await;
    for bomb in bombs() {
        let gzipped = Coding::Gzip.encode(&bomb.body);
        let mut sent = tokio::task::JoinSet::new();
        for _ in 0..AT_ONCE {
            let request = client()
                .post(format!("{}{}", server.base, bomb.path))
                .header("content-type", bomb.content_type)
                .header("content-encoding", "gzip")
                .body(gzipped.clone());
            sent.spawn(request.send());
        }
        while let Some(answer) = sent.join_next().await {
            let status = answer.expect("runs").expect("answers").status();
            assert!(
                matches!(
                    status,
                    StatusCode::OK | StatusCode::ACCEPTED | StatusCode::TOO_MANY_REQUESTS
                ),
                "{} at {}: {status}",
                bomb.name,
                bomb.path
            );
        }
        let peak = check_memory(server.pid());
        println!(
            "{} at {}: {} KB sent, peak {peak} KiB",
            bomb.name,
            bomb.path,
            gzipped.len() / 1000
        );
    }
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_whose_spans_share_a_large_value_is_read_in_pages() {
    let database = FreshDatabase::create().await;
    let server = Program::serve_on(database.url(), &[]).await;
    let value = "v".repeat(1 << 20);
    let first = span("large");
    for _ in 0..6 {
        let spans: Vec<_> = (0..17)
            .map(|_| {
                let mut span = span("large");
                span.trace_id.clone_from(&first.trace_id);
                span.attributes.push(text("shared", &value));
                span
            })
            .collect();
        let body = Coding::Gzip.encode(&Receiver::OtlpProtobuf.body(&spans));
        let request = client()
            .post(format!("{}/v1/traces", server.base))
            .header("content-type", Receiver::OtlpProtobuf.content_type())
            .header("content-encoding", "gzip");
        let answer = request.body(body).send().await.expect("answers");
        assert_eq!(answer.status(), StatusCode::OK);
    }
    let trace = format!("{}/api/admin/traces/{}", server.base, hex(&first.trace_id));
    let (mut spans, mut after) = (0, String::new());
    loop {
        let answer = fetch(format!("{trace}{after}")).await.expect("answers");
        let page: serde_json::Value = answer.json().await.expect("JSON");
        spans += page["spans"].as_array().expect("spans").len();
        match page["after"].as_str() {
            Some(cursor) => after = format!("?after={cursor}"),
            None => break,
        }
    }
    assert_eq!(spans, 6 * 17);
    let peak = check_memory(server.pid());
    println!("a trace of 102 MiB read in pages: peak {peak} KiB");
    assert!(server.stop().await.success());
}
