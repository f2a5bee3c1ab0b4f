//! Measures R12: a span can be queried when it is acknowledged, and is in the live view soon after.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::program::Program;
use crate::{Scale, figure, load, percentile};

type Received = Arc<Mutex<HashMap<String, Instant>>>;

/// Records when the live view first reports each trace of the probes.
async fn listen(mut events: reqwest::Response, received: Received) {
    let mut text = String::new();
    while let Ok(Some(chunk)) = events.chunk().await {
        text.push_str(&String::from_utf8_lossy(&chunk));
        while let Some((event, rest)) = text.split_once("\n\n") {
            note(event, &received);
            text = rest.to_owned();
        }
    }
}

fn note(event: &str, received: &Received) {
    let now = Instant::now();
    let data = event.lines().find_map(|line| line.strip_prefix("data:"));
    let data: Value = serde_json::from_str(data.unwrap_or("null")).unwrap_or_default();
    let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
    for trace in data["traces"].as_array().into_iter().flatten() {
        if let Some(id) = trace["trace_id"].as_str() {
            received.entry(id.to_owned()).or_insert(now);
        }
    }
}

fn probe(number: usize) -> (String, Value) {
    let now_ns = std::time::UNIX_EPOCH
        .elapsed()
        .map_or(0, |at| at.as_nanos());
    let trace_id = format!("{:032x}", (now_ns << 20) + number as u128);
    let span = json!({
        "trace_id": trace_id, "span_id": format!("{:016x}", number + 1), "name": "probe",
        "start_ns": now_ns.to_string(), "end_ns": (now_ns + 1_000).to_string(),
    });
    let resource = json!({"attributes": {"service.name": "probe"}});
    (trace_id, json!({"resource": resource, "spans": [span]}))
}

pub(crate) async fn measure(scale: Scale) -> Result<()> {
    let program = Program::start().await?;
    let client = reqwest::Client::new();
    let events = client
        .get(program.url("/api/admin/live?service=probe"))
        .send()
        .await?
        .error_for_status()?;
    let received = Received::default();
    let listener = tokio::spawn(listen(events, Arc::clone(&received)));
    // Other clients send meanwhile, about a tenth of the machine's capacity.
    let seconds = scale.probes as u64 / 30 + 2;
    let spans = (5_000 * seconds).to_string();
    let background = load::start(
        &program,
        &["--rate", "5000", "--spans", &spans, "--clients", "2"],
    )?;
    let (mut sent, mut invisible) = (Vec::new(), 0);
    for number in 0..scale.probes {
        let (trace_id, batch) = probe(number);
        let answer = client
            .post(program.url("/api/trace-log"))
            .json(&batch)
            .send();
        answer.await?.error_for_status()?;
        sent.push((trace_id.clone(), Instant::now()));
        let url = program.url(&format!("/api/admin/traces/{trace_id}"));
        if !client.get(url).send().await?.status().is_success() {
            invisible += 1;
        }
        sleep(Duration::from_millis(20)).await;
    }
    load::finish(background).await?;
    sleep(Duration::from_secs(2)).await;
    listener.abort();
    let received = received
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let missing = sent
        .iter()
        .filter(|(id, _)| !received.contains_key(id))
        .count();
    ensure!(
        missing == 0,
        "{missing} of {} traces did not arrive",
        sent.len()
    );
    let after_ms: Vec<f64> = sent
        .iter()
        .map(|(id, acknowledged)| received[id].saturating_duration_since(*acknowledged))
        .map(|after| after.as_secs_f64() * 1e3)
        .collect();
    let p50_ms = percentile(after_ms.clone(), 50);
    let p99_ms = percentile(after_ms, 99);
    println!(
        "live: {} traces arrived p50 {p50_ms:.0} ms, p99 {p99_ms:.0} ms after their acknowledgement",
        sent.len()
    );
    figure("R12.invisible", f64::from(invisible));
    figure("R12.live_p99_ms", p99_ms);
    program.stop().await.context("after the live view")
}
