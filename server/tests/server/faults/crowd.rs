//! Many clients at once, and clients that send half a body and stall.

use std::time::Duration;

use throughline_store::testing::FreshDatabase;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::conservation::{check_conserved, check_counters, check_memory, check_reads};
use super::load::{Load, Plan};
use crate::program::Program;
use crate::support::metric;

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_clients_at_once_are_all_served() {
    let database = FreshDatabase::create().await;
    let server = Program::serve_on(database.url(), &[]).await;
    let plan = Plan {
        bases: vec![server.base.clone()],
        senders: 200,
        spans: 20,
        padding: 100,
    };
    let load = Load::during(plan, async |load| load.wait_for_more(600).await).await;
    check_conserved(database.url(), &load).await;
    check_counters(&[&server.base], &load).await;
    check_memory(server.pid());
    check_reads(&server.base).await;
    let groups = metric(&server.base, "throughline_writer_groups_total", &[]).await;
    assert!(
        groups < 600,
        "batches that wait together share a commit: {groups} commits"
    );
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_stall_in_a_body_are_disconnected_and_block_no_other() {
    let database = FreshDatabase::create().await;
    let server = Program::serve_on(database.url(), &[]).await;
    let host = server.base.trim_start_matches("http://").to_owned();
    let mut stalled = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let host = host.clone();
        stalled.spawn(async move {
            let mut stream = TcpStream::connect(&host).await.expect("connects");
            let head = format!(
                "POST /api/trace-log HTTP/1.1\r\nhost: {host}\r\n\
                 content-type: application/json\r\ncontent-length: 100000\r\n\r\n{{\"spans\": ["
            );
            stream.write_all(head.as_bytes()).await.expect("sent");
            let mut answer = String::new();
            // Returns when the server closes the connection.
            let read = stream.read_to_string(&mut answer);
            let ended = tokio::time::timeout(Duration::from_mins(1), read).await;
            ended.expect("is not held for ever").expect("text");
            answer
        });
    }
    let plan = Plan {
        bases: vec![server.base.clone()],
        senders: 4,
        spans: 20,
        padding: 0,
    };
    let load = Load::during(plan, async |load| load.wait_for_more(100).await).await;
    check_conserved(database.url(), &load).await;
    check_counters(&[&server.base], &load).await;
    while let Some(answer) = stalled.join_next().await {
        let answer = answer.expect("runs");
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
    check_memory(server.pid());
    assert!(server.stop().await.success());
}
