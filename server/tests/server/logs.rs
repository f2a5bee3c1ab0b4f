//! Tests of log records over OTLP/HTTP.

use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;
use reqwest::StatusCode;
use serde_json::{Value, json};
use throughline_store::testing::{count, execute};

use crate::support::{Coding, Receiver, Server, hex, span, text};

/// Returns a record of the event `name`, in a span of its own.
pub(crate) fn record(name: &str) -> LogRecord {
    let span = span(name);
    LogRecord {
        time_unix_nano: span.start_time_unix_nano,
        trace_id: span.trace_id,
        span_id: span.span_id,
        event_name: name.to_owned(),
        severity_number: 9,
        body: Some(AnyValue {
            value: Some(Any::StringValue("it happened".to_owned())),
        }),
        attributes: vec![text("session.id", "s-1")],
        ..LogRecord::default()
    }
}

pub(crate) fn request(records: &[LogRecord]) -> ExportLogsServiceRequest {
    let resource = Resource {
        attributes: vec![text("service.name", "shop")],
        ..Default::default()
    };
    let scope_logs = ScopeLogs {
        log_records: records.to_vec(),
        ..Default::default()
    };
    let resource_logs = ResourceLogs {
        resource: Some(resource),
        scope_logs: vec![scope_logs],
        ..Default::default()
    };
    ExportLogsServiceRequest {
        resource_logs: vec![resource_logs],
    }
}

const FORMS: [Receiver; 2] = [Receiver::OtlpProtobuf, Receiver::OtlpJson];

/// Sends to the receiver for logs. Returns the status and the rejected items in the form of JSON.
async fn send(server: &Server, form: Receiver, coding: Coding, body: &[u8]) -> (StatusCode, Value) {
    let response = server
        .client
        .post(server.url("/v1/logs"))
        .header("content-type", form.content_type())
        .header("content-encoding", coding.name())
        .body(coding.encode(body))
        .send()
        .await
        .expect("answers");
    let status = response.status();
    assert_eq!(response.headers()["content-type"], form.content_type());
    let bytes = response.bytes().await.expect("a body");
    if status != StatusCode::OK {
        return (status, Value::Null);
    }
    let answer = if form == Receiver::OtlpJson {
        serde_json::from_slice(&bytes).expect("JSON")
    } else {
        let answer = ExportLogsServiceResponse::decode(bytes).expect("protobuf");
        answer.partial_success.map_or(json!({}), |partial| {
            json!({"partialSuccess": {
                "rejectedLogRecords": partial.rejected_log_records.to_string(),
                "errorMessage": partial.error_message,
            }})
        })
    };
    (status, answer)
}

fn body(form: Receiver, records: &[LogRecord]) -> Vec<u8> {
    match form {
        Receiver::OtlpJson => serde_json::to_vec(&request(records)).expect("encodes"),
        _ => request(records).encode_to_vec(),
    }
}

#[tokio::test]
async fn log_records_are_stored_once_and_rejected_ones_are_counted_and_named() {
    let server = Server::start().await;
    for form in FORMS {
        for coding in Coding::ALL {
            let sent = body(form, &[record("order.placed")]);
            for _ in 0..2 {
                let answer = send(&server, form, coding, &sent).await;
                assert_eq!(answer, (StatusCode::OK, json!({})), "{form:?} {coding:?}");
            }
            let mut bad = record("bad");
            bad.trace_id = vec![7; 5];
            let sent = body(form, &[bad, record("order.paid")]);
            let (status, answer) = send(&server, form, coding, &sent).await;
            assert_eq!(status, StatusCode::OK);
            let partial = &answer["partialSuccess"];
            assert_eq!(partial["rejectedLogRecords"], "1", "{form:?}: {answer}");
            let reason = partial["errorMessage"].as_str().expect("a text");
            assert!(reason.starts_with("log record 0: trace"), "{reason}");
        }
    }
    let url = server.database_url();
    for (sql, expected) in [
        ("SELECT count(*) FROM events", 16),
        (
            "SELECT count(*) FROM events WHERE event_type = 'order.paid' AND session_id = 's-1'",
            8,
        ),
    ] {
        assert_eq!(count(url, sql).await, expected, "{sql}");
    }
}

#[tokio::test]
async fn an_invalid_log_request_gets_400_and_an_empty_one_200() {
    let server = Server::start().await;
    for form in FORMS {
        for coding in Coding::ALL {
            let whole = body(form, &[record("cut off")]);
            let cut = &whole[..whole.len() - 5];
            let (status, _) = send(&server, form, coding, cut).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{form:?} {coding:?}");
            let (status, _) = send(&server, form, coding, b"").await;
            assert_eq!(status, StatusCode::OK, "{form:?} {coding:?}");
        }
    }
}

#[tokio::test]
async fn a_large_message_of_a_log_record_is_fetched_whole() {
    let server = Server::start().await;
    let mut large = record("import");
    let message = "line\n".repeat(20_000);
    large.body = Some(AnyValue {
        value: Some(Any::StringValue(message.clone())),
    });
    let sent = body(Receiver::OtlpProtobuf, &[large]);
    send(&server, Receiver::OtlpProtobuf, Coding::ALL[0], &sent).await;
    let events = server.get_json("/api/admin/events").await;
    let event = &events["items"][0];
    let word = |value: &Value| value.as_str().expect("a text").to_owned();
    let (cursor, hash) = (word(&event["cursor"]), word(&event["payloads"][0]["hash"]));
    let path = format!("/api/admin/events/{cursor}/payloads");
    let whole = server.get(&format!("{path}/{hash}")).await;
    assert_eq!(whole.status(), StatusCode::OK);
    assert_eq!(whole.headers()["x-content-type-options"], "nosniff");
    assert_eq!(whole.text().await.expect("reads"), message);
    let unknown = server.get(&format!("{path}/{}", "0".repeat(32))).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    let wrong = server
        .get(&format!("/api/admin/events/x/payloads/{hash}"))
        .await;
    assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_search_that_stops_early_reports_its_position() {
    let server = Server::start().await;
    let needle = record("order.placed");
    let trace = hex(&needle.trace_id);
    let sent = request(&[needle]).encode_to_vec();
    send(&server, Receiver::OtlpProtobuf, Coding::Plain, &sent).await;
    // Inserts newer ones, a microsecond apart.
    execute(
        server.database_url(),
        "INSERT INTO events (
             tenant_id, trace_id, at_ns, received_ns, digest, resource_id, scope_id, severity, message
         )
         SELECT
             tenant_id, trace_id, at_ns + 1000 * n, received_ns, digest + n, resource_id, scope_id,
             severity, 'hay'
         FROM events, generate_series(1, 20001) AS n",
    )
    .await;
    let list = format!("/api/admin/events?trace={trace}&text=HAPPENED");
    let page = server.get_json(&list).await;
    assert_eq!(page["items"], json!([]));
    let last = "SELECT at_ns FROM events WHERE message = 'hay' ORDER BY at_ns OFFSET 1 LIMIT 1";
    let last = count(server.database_url(), last).await;
    assert_eq!(page["searched_to_ns"], last.to_string());
    let after = page["after"].as_str().expect("it goes on");
    let rest = server.get_json(&format!("{list}&after={after}")).await;
    assert_eq!(rest["items"].as_array().expect("items").len(), 1);
    assert_eq!(
        (rest.get("searched_to_ns"), &rest["after"]),
        (None, &Value::Null)
    );
}

#[tokio::test]
async fn events_of_a_session_are_paged_and_an_unknown_parameter_is_rejected() {
    let server = Server::start().await;
    let names = ["one", "two", "three"];
    let sent = request(&names.map(record)).encode_to_vec();
    send(&server, Receiver::OtlpProtobuf, Coding::Plain, &sent).await;
    let session = "/api/admin/sessions/s-1";
    let mut found = Vec::new();
    let mut address = format!("{session}?limit=2");
    loop {
        let page = server.get_json(&address).await;
        let items = page["events"]["items"].as_array().expect("items");
        assert!(items.len() <= 2);
        found.extend(items.iter().map(|event| event["event_name"].clone()));
        let Some(after) = page["events"]["after"].as_str() else {
            break;
        };
        address = format!("{session}?limit=2&after={after}");
    }
    found.sort_by_key(Value::to_string);
    assert_eq!(found, ["one", "three", "two"]);
    for path in [
        format!("{session}?limit=abc"),
        format!("{session}?bogus=1"),
        "/api/admin/correlations/x?bogus=1".to_owned(),
        "/api/admin/storage?x=1".to_owned(),
        "/api/admin/pins?x=1".to_owned(),
    ] {
        let answer = server.get(&path).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{path}");
    }
}
