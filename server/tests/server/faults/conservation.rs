//! Compares the stored data in the database itself with what was acknowledged.

use std::sync::atomic::Ordering;

use throughline_store::testing::{count, count_span_ids, count_spans};

use super::load::Load;
use crate::support::{fetch, metric};

/// The most memory a server may use at any time, in KiB: the promised limit.
const MAX_RESIDENT_KIB: u64 = 300 * 1024;

/// Checks that everything acknowledged is stored exactly once, in the spans and in the trace
/// summaries.
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

/// Checks that no span is stored twice, and that the trace summaries count each span once.
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

/// Returns a server's counter of spans with the result `received` or `duplicate`.
pub(crate) async fn counted(base: &str, result: &str) -> u64 {
    let label = format!("result=\"{result}\"");
    metric(base, "throughline_ingest_spans_total", &[&label]).await
}

/// Checks that the servers' own counters match the acknowledged spans.
pub(super) async fn check_counters(bases: &[&str], load: &Load) {
    for (result, answered) in [("received", &load.received), ("duplicate", &load.duplicate)] {
        let mut sum = 0;
        for base in bases {
            sum += counted(base, result).await;
        }
        assert_eq!(sum, answered.load(Ordering::Relaxed), "{result}");
    }
}

/// Checks that the process never used more memory than promised. Returns its peak in KiB.
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

/// Checks that the trace list responds.
pub(super) async fn check_reads(base: &str) {
    let answer = fetch(format!("{base}/api/admin/traces?limit=1"))
        .await
        .expect("answers");
    assert_eq!(answer.status(), reqwest::StatusCode::OK);
    let page: serde_json::Value = answer.json().await.expect("JSON");
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1), "{page}");
}
