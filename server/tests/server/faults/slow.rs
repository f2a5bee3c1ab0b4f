//! A slow Postgres, and one whose connections break at any time.

use std::time::Duration;

use reqwest::StatusCode;
use throughline_store::testing::FreshDatabase;
use tokio::time::sleep;

use super::conservation::{check_conserved, check_counters, check_memory, check_reads};
use super::load::{Load, Plan};
use super::proxy::Proxy;
use crate::program::Program;
use crate::support::fetch;

/// A queue so small that a slow database fills it at once.
const SMALL_QUEUE: [&str; 2] = ["--writer-queue-bytes", "1000000"];

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_postgres_fills_the_queue_within_the_memory_limit() {
    let database = FreshDatabase::create().await;
    let (proxy, url) = Proxy::before(database.url()).await;
    let server = Program::serve_on(&url, &SMALL_QUEUE).await;
    let plan = Plan {
        bases: vec![server.base.clone()],
        senders: 16,
        spans: 100,
        padding: 2_000,
    };
    let load = Load::during(plan, async |load| {
        load.wait_for_more(20).await;
        proxy.delay(Duration::from_millis(100));
        load.wait_for(StatusCode::TOO_MANY_REQUESTS).await;
        // The server still commits one batch after the other.
        load.wait_for_more(3).await;
        proxy.delay(Duration::ZERO);
        load.wait_for_more(20).await;
    })
    .await;
    check_conserved(database.url(), &load).await;
    check_counters(&[&server.base], &load).await;
    check_memory(server.pid());
    check_reads(&server.base).await;
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_connections_neither_lose_nor_duplicate_spans() {
    let database = FreshDatabase::create().await;
    let (proxy, url) = Proxy::before(database.url()).await;
    let server = Program::serve_on(&url, &[]).await;
    let plan = Plan {
        bases: vec![server.base.clone()],
        senders: 8,
        spans: 50,
        padding: 0,
    };
    let load = Load::during(plan, async |load| {
        for round in 0..25_u64 {
            // An irregular interval: some cuts happen between COMMIT and its response.
            sleep(Duration::from_millis(17 + 13 * (round % 7))).await;
            proxy.cut();
            load.wait_for_more(2).await;
        }
        proxy.refuse(true);
        load.wait_for(StatusCode::SERVICE_UNAVAILABLE).await;
        proxy.refuse(false);
        load.wait_for_more(10).await;
    })
    .await;
    check_conserved(database.url(), &load).await;
    check_counters(&[&server.base], &load).await;
    check_memory(server.pid());
    check_reads(&server.base).await;
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_become_silent_hang_neither_reads_nor_ingest() {
    let database = FreshDatabase::create().await;
    let (proxy, url) = Proxy::before(database.url()).await;
    let server = Program::serve_on(&url, &[]).await;
    let plan = Plan {
        bases: vec![server.base.clone()],
        senders: 4,
        spans: 20,
        padding: 0,
    };
    let load = Load::during(plan, async |load| {
        load.wait_for_more(10).await;
        proxy.stall();
        // Idle connections are checked before they are used.
        check_reads(&server.base).await;
        let ready = fetch(format!("{}/readyz", server.base)).await;
        assert_eq!(ready.expect("answers").status(), StatusCode::OK);
        // After the timeout of a commit.
        load.wait_for_more(10).await;
    })
    .await;
    check_conserved(database.url(), &load).await;
    check_counters(&[&server.base], &load).await;
    assert!(server.stop().await.success());
}
