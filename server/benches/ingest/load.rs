//! Seeded OTLP requests, and clients that send them.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use tokio::sync::Mutex;

/// Spans of a trace.
const SPANS_PER_TRACE: usize = 10;

/// A small generator with a period of 2^64 (`SplitMix64`, Steele et al. 2014).
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn text(key: &str, value: String) -> KeyValue {
    let value = AnyValue {
        value: Some(any_value::Value::StringValue(value)),
    };
    KeyValue {
        key: key.to_owned(),
        value: Some(value),
        ..KeyValue::default()
    }
}

fn int(key: &str, value: i64) -> KeyValue {
    let value = AnyValue {
        value: Some(any_value::Value::IntValue(value)),
    };
    KeyValue {
        key: key.to_owned(),
        value: Some(value),
        ..KeyValue::default()
    }
}

fn now_ns() -> u64 {
    std::time::UNIX_EPOCH
        .elapsed()
        .map_or(0, |elapsed| elapsed.as_nanos() as u64)
}

fn span(random: &mut SplitMix, trace_id: &[u8], parent: &[u8], start: u64) -> Span {
    let operation = random.next() % 40;
    // One person and one session cause a trace.
    let person = trace_id
        .iter()
        .fold(0, |sum, byte| (sum * 31 + u64::from(*byte)) % 5_000);
    Span {
        trace_id: trace_id.to_vec(),
        span_id: random.next().to_be_bytes().to_vec(),
        parent_span_id: parent.to_vec(),
        name: format!("GET /api/resource{operation}/{{id}}"),
        kind: (random.next() % 5 + 1) as i32,
        start_time_unix_nano: start,
        end_time_unix_nano: start + random.next() % 50_000_000,
        attributes: vec![
            text("http.request.method", "GET".into()),
            text("http.route", format!("/api/resource{operation}/{{id}}")),
            text(
                "url.path",
                format!("/api/resource{operation}/{}", random.next() % 100_000),
            ),
            int("http.response.status_code", 200),
            text(
                "server.address",
                format!("node-{}.example.internal", random.next() % 20),
            ),
            int("server.port", 8443),
            text(
                "user_agent.original",
                "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101".into(),
            ),
            text("user.id", format!("user-{person}@example.test")),
            text("session.id", format!("{person:016x}{:016x}", 7)),
            int("thread.id", (random.next() % 64) as i64),
            text("code.function.name", "app::handlers::resource::show".into()),
        ],
        ..Span::default()
    }
}

/// Encoded requests with `spans` spans in all, ten a trace, `per_request` a request.
pub(crate) fn requests(spans: usize, per_request: usize, seed: u64) -> Vec<Vec<u8>> {
    let mut random = SplitMix(seed);
    let begin = now_ns() - 60_000_000_000;
    let mut trace_id = [0; 16];
    let mut root = Vec::new();
    let mut all = Vec::with_capacity(spans);
    for index in 0..spans {
        let start = begin + index as u64 * 100_000;
        if index % SPANS_PER_TRACE == 0 {
            trace_id[..8].copy_from_slice(&random.next().to_be_bytes());
            trace_id[8..].copy_from_slice(&random.next().to_be_bytes());
            root.clear();
        }
        let made = span(&mut random, &trace_id, &root, start);
        if root.is_empty() {
            root.clone_from(&made.span_id);
        }
        all.push(made);
    }
    all.chunks(per_request)
        .map(|spans| {
            let scope = InstrumentationScope {
                name: "bench".into(),
                ..Default::default()
            };
            let scope_spans = ScopeSpans {
                scope: Some(scope),
                spans: spans.to_vec(),
                ..ScopeSpans::default()
            };
            let attributes = vec![text("service.name", "bench".into())];
            let resource_spans = ResourceSpans {
                resource: Some(Resource {
                    attributes,
                    ..Resource::default()
                }),
                scope_spans: vec![scope_spans],
                ..ResourceSpans::default()
            };
            ExportTraceServiceRequest {
                resource_spans: vec![resource_spans],
            }
            .encode_to_vec()
        })
        .collect()
}

/// Sends every request until it is acknowledged; a 429 or 503 is sent again after a moment.
pub(crate) async fn send(url: &str, requests: Vec<Vec<u8>>, clients: usize) -> Result<()> {
    let client = reqwest::Client::new();
    let waiting = Arc::new(Mutex::new(requests));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..clients {
        let (client, waiting, url) = (client.clone(), Arc::clone(&waiting), url.to_owned());
        tasks.spawn(async move {
            loop {
                let Some(body) = waiting.lock().await.pop() else {
                    return Ok(());
                };
                let body = bytes::Bytes::from(body);
                loop {
                    let answer = client
                        .post(&url)
                        .header("content-type", "application/x-protobuf")
                        .body(body.clone())
                        .send()
                        .await
                        .context("the request failed")?;
                    match answer.status().as_u16() {
                        200 => break,
                        429 | 503 => {
                            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                        }
                        status => {
                            ensure!(false, "answered {status}: {}", answer.text().await?);
                        }
                    }
                }
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.context("a client panicked")??;
    }
    Ok(())
}
