//! What is stored, asked of the database itself, against what was acknowledged.

use std::sync::atomic::Ordering;

use throughline_store::testing::{count, count_span_ids, count_spans};

use super::load::Load;
use crate::support::{fetch, metric};

/// The most memory a server may ever have used: the bound that is promised.
const MAX_RESIDENT_KIB: u64 = 300 * 1024;

/// Everything acknowledged is stored exactly once, in the spans and in the directory.
pub(super) async fn check_conserved(url: &str, load: &Load) {
    let acknowledged = load.acknowledged.load(Ordering::Relaxed);
    let received = load.received.load(Ordering::Relaxed);
    let duplicate = load.duplicate.load(Ordering::Relaxed);
    assert!(acknowledged > 0, "nothing was sent");
    assert_eq!(
        received + duplicate,
        acknowledged,
        "every span is counted once in its answer"
    );
    assert_eq!(load.without_retry_after.load(Ordering::Relaxed), 0);
    let stored = count_spans(url).await;
    assert_eq!(stored as u64, acknowledged, "stored once, all of it");
    check_nothing_twice(url).await;
}

/// No span is stored twice, and the directory counts each once.
pub(crate) async fn check_nothing_twice(url: &str) {
    let stored = count_spans(url).await;
    assert_eq!(count_span_ids(url).await, stored, "nothing twice");
    let counted = count(
        url,
        "SELECT coalesce(sum(span_count), 0)::bigint FROM traces",
    )
    .await;
    assert_eq!(counted, stored, "the directory counts what is stored");
}

/// What a server says it took: `received` or `duplicate`.
pub(crate) async fn counted(base: &str, result: &str) -> u64 {
    let label = format!("result=\"{result}\"");
    metric(base, "throughline_ingest_spans_total", &[&label]).await
}

/// The servers' own counters are what really happened.
pub(super) async fn check_counters(bases: &[&str], load: &Load) {
    for (result, answered) in [("received", &load.received), ("duplicate", &load.duplicate)] {
        let mut sum = 0;
        for base in bases {
            sum += counted(base, result).await;
        }
        assert_eq!(sum, answered.load(Ordering::Relaxed), "{result}");
    }
}

/// The process never used more memory than is promised.
pub(crate) fn check_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a Linux process");
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"))
        .and_then(|number| number.trim().parse().ok())
        .expect("a peak");
    assert!(
        peak < MAX_RESIDENT_KIB,
        "the server used {peak} KiB of memory"
    );
    peak
}

/// The list of traces is served.
pub(super) async fn check_reads(base: &str) {
    let answer = fetch(format!("{base}/api/admin/traces?limit=1"))
        .await
        .expect("answers");
    assert_eq!(answer.status(), reqwest::StatusCode::OK);
    let page: serde_json::Value = answer.json().await.expect("JSON");
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1), "{page}");
}
