//! Measures the time to read the skeleton of the largest promised trace.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use serde_json::{Value, json};
use throughline_server::clock::Clock;

use crate::program::Program;
use crate::{figure, median};

const SPANS: u64 = 100_000;
const TURNS: usize = 7;

/// Returns a request with a trace in which each span is the child of an earlier one.
fn request(trace_id: [u8; 16], start_ns: u64) -> Vec<u8> {
    let spans = (1..=SPANS).map(|at| Span {
        trace_id: trace_id.to_vec(),
        span_id: at.to_be_bytes().to_vec(),
        parent_span_id: match at {
            1 => Vec::new(),
            _ => (at / 2).to_be_bytes().to_vec(),
        },
        name: format!("step {}", at % 50),
        kind: 1,
        start_time_unix_nano: start_ns + at * 1_000,
        end_time_unix_nano: start_ns + at * 1_000 + 500,
        ..Span::default()
    });
    let scope = ScopeSpans {
        spans: spans.collect(),
        ..ScopeSpans::default()
    };
    let resource = ResourceSpans {
        scope_spans: vec![scope],
        ..ResourceSpans::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![resource],
    };
    request.encode_to_vec()
}

pub(crate) async fn measure() -> Result<()> {
    let program = Program::start().await?;
    let client = reqwest::Client::new();
    let start_ns = u64::try_from(Clock::system().now().get())? - 60_000_000_000;
    let trace_id = uuid::Uuid::new_v4();
    client
        .post(program.url("/v1/traces"))
        .header("content-type", "application/x-protobuf")
        .body(request(trace_id.into_bytes(), start_ns))
        .send()
        .await?
        .error_for_status()?;
    let mut times_ms = Vec::new();
    for _ in 0..=TURNS {
        let began = Instant::now();
        let answer = client
            .post(program.url("/api/panel/trace_skeleton"))
            .json(&json!({"trace_id": trace_id.simple().to_string()}))
            .send()
            .await?
            .error_for_status()?
            .bytes()
            .await?;
        times_ms.push(began.elapsed().as_secs_f64() * 1e3);
        let skeleton: Value = serde_json::from_slice(&answer).context("no skeleton")?;
        let count = &skeleton["value"]["summary"]["span_count"];
        ensure!(*count == SPANS, "{count} spans are in the skeleton");
    }
    // The first run warms up.
    let skeleton_ms = median(times_ms.split_off(1));
    println!("skeleton: {SPANS} spans in {skeleton_ms:.0} ms");
    figure("skeleton.100000_ms", skeleton_ms);
    program.stop().await
}
