//! Requests in which many small parts share one large part.

use reqwest::StatusCode;
use serde_json::{Value, json};
use throughline_store::testing::FreshDatabase;

use crate::program::Program;
use crate::support::{Coding, client};

/// The number of small parts.
const PARTS: usize = 200;
/// The memory that a request may use besides a few copies of its body, in KiB.
const GROWTH_KIB: u64 = 24 << 10;
/// The number of copies of its body that a request may use.
const COPIES: u64 = 6;

struct Shared {
    name: &'static str,
    path: &'static str,
    body: String,
}

fn now_ns() -> i64 {
    throughline_server::clock::Clock::system().now().get()
}

fn id(at: usize) -> String {
    format!("{:016x}", at + 1)
}

/// Returns a request of each format.
fn requests() -> Vec<Shared> {
    let now = now_ns();
    let large = "v".repeat(1_000_000);
    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let resource = json!({"attributes": [{"key": "large", "value": {"stringValue": large}}]});
    let scope = |at: usize| json!({"name": format!("scope {at}")});
    let spans = (0..PARTS).map(|at| {
        let span =
            json!({"traceId": trace_id, "spanId": id(at), "startTimeUnixNano": now.to_string()});
        json!({"scope": scope(at), "spans": [span]})
    });
    let records = (0..PARTS)
        .map(|at| json!({"scope": scope(at), "logRecords": [{"timeUnixNano": now.to_string()}]}));
    let native = (0..PARTS).map(|at| {
        let ns = now.to_string();
        json!({"trace_id": trace_id, "span_id": id(at), "name": at.to_string(), "start_ns": ns, "end_ns": ns})
    });
    let endpoint = json!({"serviceName": large});
    // The name of the service is in every span.
    let zipkin = (0..8).map(|at| {
        json!({
            "traceId": trace_id, "id": id(at), "timestamp": now / 1000, "localEndpoint": endpoint,
            "tags": {"otel.scope.name": format!("scope {at}")},
        })
    });
    let spans =
        json!({"resourceSpans": [{"resource": resource, "scopeSpans": spans.collect::<Value>()}]});
    let records =
        json!({"resourceLogs": [{"resource": resource, "scopeLogs": records.collect::<Value>()}]});
    let native = json!({
        "resource": {"attributes": {"service.name": "shop", "large": large}},
        "spans": native.collect::<Value>(),
    });
    let zipkin: Value = zipkin.collect();
    [
        ("OTLP spans", "/v1/traces", spans),
        ("OTLP log records", "/v1/logs", records),
        ("native", "/api/trace-log", native),
        ("Zipkin", "/api/v2/spans", zipkin),
    ]
    .map(|(name, path, body)| Shared {
        name,
        path,
        body: body.to_string(),
    })
    .into()
}

/// Returns a number of `/proc/<pid>/status` in KiB.
fn status_kib(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a Linux process");
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.trim_start_matches(':').trim().strip_suffix(" kB"));
    number
        .and_then(|number| number.parse().ok())
        .expect("a number")
}

async fn send(server: &Program, request: &Shared) {
    let sent = client()
        .post(format!("{}{}", server.base, request.path))
        .header("content-type", "application/json")
        .header("content-encoding", "gzip")
        .body(Coding::Gzip.encode(request.body.as_bytes()));
    let status = sent.send().await.expect("answers").status();
    let is_stored = matches!(status, StatusCode::OK | StatusCode::ACCEPTED);
    assert!(is_stored, "{}: {status}", request.name);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_part_that_many_small_parts_share_is_in_memory_a_few_times() {
    let database = FreshDatabase::create().await;
    let server = Program::serve_on(database.url(), &[]).await;
    for request in requests() {
        let before = status_kib(server.pid(), "VmRSS");
        // Resets the peak.
        std::fs::write(format!("/proc/{}/clear_refs", server.pid()), "5").expect("our process");
        send(&server, &request).await;
        let growth = status_kib(server.pid(), "VmHWM").saturating_sub(before);
        println!(
            "{}: a body of {} KB, from {before} KiB by {growth} KiB",
            request.name,
            request.body.len() / 1000
        );
        let allowed = GROWTH_KIB + COPIES * request.body.len() as u64 / 1024;
        assert!(growth < allowed, "{}: {growth} KiB", request.name);
    }
    assert!(server.stop().await.success());
}
