//! Odd spans through every receiver. Each is stored, stored with a repair, or rejected with a
//! reason. The spans beside it are stored, and every page renders.

use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use reqwest::StatusCode;

use crate::support::{Receiver, Server, hex, span, text};

const DAY_NS: u64 = 86_400_000_000_000;

enum Answer {
    /// The span is stored with this repair.
    Marked(&'static str),
    /// The span is rejected, and the reason contains this text.
    Rejected(&'static str),
}
use Answer::{Marked, Rejected};

type Row = (&'static str, fn(&mut Span), Answer);

const ROWS: [Row; 19] = [
    (
        "a short trace id",
        |span| span.trace_id.truncate(15),
        Rejected("expected 32 hexadecimal characters (16 bytes)"),
    ),
    (
        "a trace id of zeros",
        |span| span.trace_id = vec![0; 16],
        Rejected("all zeros"),
    ),
    (
        "a span id of zeros",
        |span| span.span_id = vec![0; 8],
        Rejected("all zeros"),
    ),
    (
        "a long span id",
        |span| span.span_id.push(1),
        Rejected("expected 16 hexadecimal characters (8 bytes)"),
    ),
    (
        "a short parent id",
        |span| span.parent_span_id = vec![1; 3],
        Rejected("expected 16 hexadecimal characters (8 bytes)"),
    ),
    (
        "itself as parent",
        |span| span.parent_span_id.clone_from(&span.span_id),
        Marked("parent_is_self"),
    ),
    (
        "an end before its start",
        |span| span.end_time_unix_nano = span.start_time_unix_nano - 5,
        Marked("end_before_start"),
    ),
    (
        "no end",
        |span| span.end_time_unix_nano = 0,
        Marked("end_missing"),
    ),
    (
        "no start",
        |span| span.start_time_unix_nano = 0,
        Marked("start_missing"),
    ),
    (
        "no time at all",
        |span| (span.start_time_unix_nano, span.end_time_unix_nano) = (0, 0),
        Rejected("zero"),
    ),
    (
        "a start beyond 2262",
        |span| span.start_time_unix_nano = u64::MAX,
        Rejected(""),
    ),
    (
        "a start in ten years",
        |span| span.start_time_unix_nano += 3652 * DAY_NS,
        Rejected("ahead"),
    ),
    (
        "a clock 30 days slow",
        |span| {
            span.start_time_unix_nano -= 30 * DAY_NS;
            span.end_time_unix_nano -= 30 * DAY_NS;
        },
        Marked("arrived_late"),
    ),
    (
        "an end in ten years",
        |span| span.end_time_unix_nano += 3652 * DAY_NS,
        Marked("end_ahead"),
    ),
    (
        "a start in an hour",
        |span| {
            span.start_time_unix_nano += DAY_NS / 24;
            span.end_time_unix_nano += DAY_NS / 24;
        },
        Marked("clock_skewed"),
    ),
    (
        "a name of 1 MB",
        |span| span.name = "n".repeat(1 << 20),
        Marked("name_cut"),
    ),
    (
        "NUL in name and value",
        |span| {
            "a\0b".clone_into(&mut span.name);
            span.attributes = vec![text("k\0", "v\0")];
        },
        Marked("control_characters"),
    ),
    (
        "10,000 attributes",
        |span| span.attributes = (0..10_000).map(|at| text(&format!("k{at}"), "v")).collect(),
        Marked("attributes_dropped"),
    ),
    (
        "a value of 2 MiB",
        |span| span.attributes = vec![text("k", &"v".repeat(2 << 20))],
        Marked("value_cut"),
    ),
];

/// Sends `odd` with a valid neighbour and checks that the server treats it as `answer` says.
async fn check(server: &Server, receiver: Receiver, what: &str, odd: Span, answer: &Answer) {
    let neighbour = span("the neighbour");
    let reply = server
        .send(receiver, &[odd.clone(), neighbour.clone()])
        .await;
    let reasons = reply["reasons"].as_str().unwrap_or_default();
    server.trace(&neighbour).await;
    match answer {
        Rejected(words) => {
            assert_eq!(reply["rejected"], 1, "{receiver:?}: {what}");
            assert!(reasons.contains(words), "{receiver:?}: {what}: {reasons}");
        }
        Marked(repair) => {
            assert_eq!(reply["rejected"], 0, "{receiver:?}: {what}: {reasons}");
            let trace = server.trace(&odd).await;
            let repairs = &trace["spans"][0]["attributes"]["throughline.repairs"];
            let repairs = repairs
                .as_array()
                .unwrap_or_else(|| panic!("{receiver:?}: {what}: no repairs"));
            assert!(
                repairs.iter().any(|known| known == repair),
                "{receiver:?}: {what}: {repairs:?}"
            );
            let page = server.get(&format!("/traces/{}", hex(&odd.trace_id))).await;
            assert_eq!(page.status(), StatusCode::OK, "{receiver:?}: {what}");
        }
    }
}

#[tokio::test]
async fn every_receiver_treats_each_invalid_span_as_documented() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    for (what, spoil, answer) in &ROWS {
        for receiver in Receiver::ALL {
            let mut odd = span("odd");
            spoil(&mut odd);
            check(&server, receiver, what, odd, answer).await;
        }
    }
}

#[tokio::test]
async fn values_nested_200_levels_are_truncated_at_64() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    for receiver in Receiver::ALL {
        let mut value = AnyValue {
            value: Some(Value::IntValue(1)),
        };
        for _ in 0..200 {
            let array = ArrayValue {
                values: vec![value],
            };
            value = AnyValue {
                value: Some(Value::ArrayValue(array)),
            };
        }
        let mut odd = span("deep");
        let pair = KeyValue {
            key: "k".to_owned(),
            value: Some(value),
            ..Default::default()
        };
        odd.attributes = vec![pair];
        check(
            &server,
            receiver,
            "nesting",
            odd,
            &Marked("nested_too_deep"),
        )
        .await;
    }
}

#[tokio::test]
async fn two_spans_that_are_each_others_parent_are_stored_and_shown() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    for receiver in Receiver::ALL {
        let mut spans = [span("chicken"), span("egg")];
        let [chicken, egg] = &mut spans;
        egg.trace_id.clone_from(&chicken.trace_id);
        chicken.parent_span_id.clone_from(&egg.span_id);
        egg.parent_span_id.clone_from(&chicken.span_id);
        assert_eq!(server.send(receiver, &spans).await["rejected"], 0);
        let trace = server.trace(&spans[0]).await;
        assert_eq!(trace["spans"].as_array().expect("a list").len(), 2);
        let page = server
            .get(&format!("/traces/{}", hex(&spans[0].trace_id)))
            .await;
        assert_eq!(page.status(), StatusCode::OK);
        let page = page.text().await.expect("text");
        assert!(page.contains("chicken") && page.contains("egg"));
    }
}

#[tokio::test]
async fn non_hex_ids_and_invalid_utf8_are_rejected() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    for receiver in [Receiver::Native, Receiver::OtlpJson] {
        let (odd, neighbour) = (span("odd"), span("neighbour"));
        let body =
            String::from_utf8(receiver.body(&[odd.clone(), neighbour.clone()])).expect("text");

        let not_hex = body.replace(&hex(&odd.span_id), "zzzzzzzzzzzzzzzz");
        let response = server.post(receiver, not_hex.into_bytes()).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(
            response.text().await.expect("text").contains("hexadecimal"),
            "{receiver:?}"
        );
        server.trace(&neighbour).await;

        let lone = body.replace("\"odd\"", "\"odd \\ud83d\"");
        assert_eq!(
            server.post(receiver, lone.into_bytes()).await.status(),
            StatusCode::OK
        );
        let trace = server.trace(&odd).await;
        assert_eq!(trace["spans"][0]["name"], "odd \u{fffd}", "{receiver:?}");
        assert_eq!(
            trace["spans"][0]["attributes"]["throughline.repairs"][0],
            "invalid_utf8"
        );
    }
    // Protobuf carries bytes, so the decoder replaces what is not UTF-8.
    let odd = span("odd!!");
    let mut body = Receiver::OtlpProtobuf.body(std::slice::from_ref(&odd));
    let at = body
        .windows(5)
        .position(|bytes| bytes == b"odd!!")
        .expect("the name");
    body[at + 3] = 0xff;
    assert_eq!(
        server.post(Receiver::OtlpProtobuf, body).await.status(),
        StatusCode::OK
    );
    assert_eq!(server.trace(&odd).await["spans"][0]["name"], "odd\u{fffd}!");
}

#[tokio::test]
async fn a_bad_attribute_of_a_resource_costs_that_attribute_alone() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    for (receiver, bad) in [
        (
            Receiver::OtlpJson,
            r#""attributes":[{"key":"size","value":{"intValue":"18446744073709551616"}},"#,
        ),
        (
            Receiver::Native,
            r#""attributes":{"size":{"$int":"18446744073709551616"},"#,
        ),
    ] {
        let sent = [span("one"), span("other")];
        let body = String::from_utf8(receiver.body(&sent)).expect("text");
        let (begin, _) = bad.split_at(bad.find("size").map_or(0, |at| at - 1));
        let begin = begin.trim_end_matches("{\"key\":");
        let spoilt = body.replacen(begin, bad, 1);
        assert_ne!(spoilt, body, "{receiver:?}");
        let response = server.post(receiver, spoilt.into_bytes()).await;
        assert_eq!(response.status(), StatusCode::OK, "{receiver:?}");
        let answer = receiver.read_answer(&response.bytes().await.expect("a body"));
        assert_eq!(answer["rejected"], 0, "{receiver:?}");
        for span in &sent {
            let trace = server.trace(span).await;
            assert_eq!(trace["summary"]["root_service"], "shop", "{receiver:?}");
            let resource = trace["resources"][0]["attributes"].to_string();
            assert!(resource.contains("18446744073709551616"), "{resource}");
            assert!(resource.contains("part_unreadable"), "{resource}");
        }
    }
}

#[tokio::test]
async fn a_span_longer_than_two_days_keeps_its_times_and_is_not_repaired() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    for receiver in Receiver::ALL {
        let mut long = span("three days of work");
        long.start_time_unix_nano -= 3 * DAY_NS;
        let answer = server.send(receiver, std::slice::from_ref(&long)).await;
        assert_eq!(answer["rejected"], 0, "{receiver:?}");
        let trace = server.trace(&long).await;
        let stored = &trace["spans"][0];
        assert_eq!(stored["start_ns"], long.start_time_unix_nano.to_string());
        assert_eq!(stored["end_ns"], long.end_time_unix_nano.to_string());
        let attributes = stored["attributes"].to_string();
        assert!(
            !attributes.contains("throughline."),
            "{receiver:?}: {attributes}"
        );
    }
}
