//! Twice the load that the server can take, for a long time.

use std::sync::atomic::Ordering;
use std::time::Duration;

use throughline_store::testing::FreshDatabase;
use tokio::time::{Instant, sleep};

use super::conservation::{check_conserved, check_counters, check_memory, check_reads};
use super::load::{Load, Plan};
use crate::program::Program;

/// Runs senders without pauses. The queue holds far less than they send.
async fn overload(length: Duration) -> String {
    let database = FreshDatabase::create().await;
    let server = Program::serve_on(database.url(), &["--writer-queue-bytes", "2000000"]).await;
    let plan = Plan {
        bases: vec![server.base.clone()],
        senders: 64,
        spans: 100,
        padding: 500,
    };
    let started = Instant::now();
    let mut reads = 0;
    let load = Load::during(plan, async |load| {
        load.wait_for(reqwest::StatusCode::TOO_MANY_REQUESTS).await;
        load.wait_for_more(64).await;
        while started.elapsed() < length {
            check_reads(&server.base).await;
            reads += 1;
            sleep(Duration::from_millis(200)).await;
        }
    })
    .await;
    check_conserved(database.url(), &load).await;
    check_counters(&[&server.base], &load).await;
    let peak = check_memory(server.pid());
    let spans = load.acknowledged.load(Ordering::Relaxed);
    let seconds = started.elapsed().as_secs();
    assert!(server.stop().await.success());
    format!(
        "{spans} spans in {seconds} s, answers {}, {reads} reads served, peak {peak} KiB",
        load.answers()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overloaded_server_rejects_at_once_within_the_memory_limit() {
    overload(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes ten minutes: cargo xtask soak"]
async fn soak_ten_minutes_beyond_capacity() {
    println!(
        "soak: ten minutes beyond capacity: {}",
        overload(Duration::from_mins(10)).await
    );
}
