//! The server or Postgres is killed in the middle of a compaction, after the new blocks are written
//! and before the old ones are deleted. Every span is stored once, and the next compaction moves
//! them.

use std::time::Duration;

use reqwest::StatusCode;
use throughline_store::testing::{FreshDatabase, HeldCompaction, count, execute};
use tokio::time::sleep;

use super::conservation::{check_conserved, check_counters, check_memory, check_reads};
use super::load::{Load, Plan};
use crate::program::{Program, data_dir};

const LEVEL0: &str = "SELECT count(*) FROM level0_blocks";
const LEVEL1: &str = "SELECT count(*) FROM level1_blocks";
/// Counts the connections on which a server compacts.
const COMPACTING: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'throughline compact%'";

fn plan(server: &Program) -> Plan {
    Plan {
        bases: vec![server.base.clone()],
        senders: 4,
        spans: 40,
        padding: 200,
    }
}

async fn until(url: &str, sql: &'static str, expected: i64) {
    for _ in 0..1_200 {
        if count(url, sql).await == expected {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("still not {expected} after a minute: {sql}");
}

/// Waits until the server has compacted everything in level 0.
async fn until_compacted(url: &str) {
    execute(
        url,
        "UPDATE level0_blocks SET written_at = now() - interval '11 minutes'",
    )
    .await;
    until(url, LEVEL0, 0).await;
    assert!(count(url, LEVEL1).await > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_server_during_a_compaction_leaves_every_span_once() {
    let database = FreshDatabase::create().await;
    let url = database.url();
    let server = Program::serve_on(url, &[]).await;
    let mut held = None;
    let load = Load::during(plan(&server), async |load| {
        load.wait_for_more(20).await;
        let compaction = held.insert(HeldCompaction::hold(url).await);
        compaction.until_it_waits(url).await;
        // Ingest does not wait for the compaction.
        load.wait_for_more(20).await;
    })
    .await;
    check_counters(&[&server.base], &load).await;
    let blocks = count(url, LEVEL0).await;
    server.kill().await;
    held.expect("held").release().await;
    until(url, COMPACTING, 0).await;
    assert_eq!(count(url, LEVEL0).await, blocks);
    assert_eq!(count(url, LEVEL1).await, 0);
    check_conserved(url, &load).await;

    let server = Program::serve_on(url, &[]).await;
    until_compacted(url).await;
    check_conserved(url, &load).await;
    check_reads(&server.base).await;
    check_memory(server.pid());
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_postgres_during_a_compaction_leaves_every_span_once() {
    let folder = data_dir();
    let (postgres, url) = Program::postgres(folder.path()).await;
    let server = Program::serve_on(&url, &[]).await;
    let load = Load::during(plan(&server), async |load| {
        load.wait_for_more(20).await;
        let compaction = HeldCompaction::hold(&url).await;
        compaction.until_it_waits(&url).await;
        load.wait_for_more(20).await;
        postgres.kill_postgres();
        load.wait_for(StatusCode::SERVICE_UNAVAILABLE).await;
        // The server restarts Postgres by itself.
        load.wait_for_more(20).await;
    })
    .await;
    check_conserved(&url, &load).await;
    check_counters(&[&server.base], &load).await;
    until_compacted(&url).await;
    check_conserved(&url, &load).await;
    check_reads(&server.base).await;
    check_memory(server.pid());
    assert!(server.stop().await.success());
    assert!(postgres.stop().await.success());
}
