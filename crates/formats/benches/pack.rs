//! Measures the cost of reading a protobuf request in ns a span: packed, and decoded and validated.
//!
//! The input is fixed and seeded. The result is the CPU time of this thread, best of several
//! rounds.

use std::fs;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use throughline_codec::binary;
use throughline_formats::otlp::{decode_protobuf, pack_protobuf};
use throughline_wire::{Limits, UnixNanos};

const SPANS: u64 = 512;
const REPEATS: u32 = 40;
const ROUNDS: u32 = 7;
const NOW_NS: u64 = 1_700_000_000_000_000_000;

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn span(at: u64) -> Span {
    let text = |key: &str, value: String| pair(key, Value::StringValue(value));
    Span {
        trace_id: (u128::from(at / 10) + 1).to_be_bytes().to_vec(),
        span_id: (at + 1).to_be_bytes().to_vec(),
        name: "GET /api/products/{id}".into(),
        kind: 2,
        start_time_unix_nano: NOW_NS - 1_000_000 + at,
        end_time_unix_nano: NOW_NS + at,
        attributes: vec![
            text("http.request.method", "GET".into()),
            text("http.route", "/api/products/{id}".into()),
            text("url.path", format!("/api/products/{at}")),
            pair("http.response.status_code", Value::IntValue(200)),
            text("server.address", "node-7.example.internal".into()),
            pair("server.port", Value::IntValue(8443)),
            text(
                "user_agent.original",
                "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101".into(),
            ),
            text("user.id", format!("user-{}@example.test", at % 50)),
            text("session.id", format!("{:032x}", at % 50)),
            pair("thread.id", Value::IntValue(7)),
            text("code.function.name", "app::handlers::resource::show".into()),
        ],
        ..Span::default()
    }
}

/// Returns the CPU time of this thread in ns, from the kernel's scheduler statistics.
fn on_cpu_ns() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = text.split(' ').next().and_then(|ns| ns.parse().ok());
    first.unwrap_or_default()
}

fn measure(name: &str, mut work: impl FnMut() -> usize) {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let before = on_cpu_ns();
        for _ in 0..REPEATS {
            std::hint::black_box(work());
        }
        let ns = (on_cpu_ns() - before) as f64;
        best = best.min(ns / f64::from(REPEATS) / SPANS as f64);
    }
    println!("{name:<44} {best:>8.0} ns a span");
}

fn main() {
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans: (0..SPANS).map(span).collect(),
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    let body = request.encode_to_vec();
    let (limits, now) = (Limits::default(), UnixNanos::new(NOW_NS as i64));
    println!("{SPANS} spans of {} bytes", body.len() / SPANS as usize);
    measure("decoded, validated, values encoded again", || {
        let request = decode_protobuf(&body).expect("is one");
        let validated = request.validate(&limits, now);
        let mut bytes = Vec::with_capacity(body.len());
        for span in validated.groups.iter().flat_map(|group| &group.spans) {
            binary::encode_attributes(&span.attributes, &mut bytes);
        }
        bytes.len()
    });
    measure("packed", || {
        let request = pack_protobuf(&body, &limits, now).expect("is one");
        let validated = request.validate(&limits, now);
        let packed = |group: &throughline_formats::SpanGroup| group.packed.len();
        validated.groups.iter().map(packed).sum()
    });
}
