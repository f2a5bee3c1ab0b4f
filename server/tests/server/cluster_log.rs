//! Tests that the log of the private cluster stays small, whatever senders and readers do.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use prost::Message as _;
use reqwest::StatusCode;
use throughline_store::testing::{count, execute};
use tokio::task::JoinSet;

use crate::logs::{record, request};
use crate::program::{Program, data_dir};
use crate::support::{Receiver, client};

/// The number of batches of log records that are sent again, and of clients that do it.
const BATCHES: usize = 2_000;
const SENDERS: usize = 8;
/// The number of searches whose client disconnects.
const SEARCHES: usize = 100;

/// Returns the text of all logs of the cluster.
fn logged(folder: &Path) -> String {
    let files = fs::read_dir(folder).expect("a folder");
    let logs = files.map(|file| file.expect("a file").path());
    let logs = logs.filter(|path| {
        let name = path.file_name().expect("a name").to_string_lossy();
        name.starts_with("cluster.log")
    });
    logs.map(|path| fs::read_to_string(path).expect("text"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_running_cluster_is_rotated() {
    let folder = data_dir();
    let (postgres, url) = Program::postgres(folder.path()).await;
    let log = folder.path().join("cluster.log");
    let rotated = folder.path().join("cluster.log.1");
    for round in 1..=2 {
        let mut file = OpenOptions::new().append(true).open(&log).expect("a log");
        file.write_all(&vec![b'x'; 9 << 20]).expect("writes");
        writeln!(file, "end of round {round}").expect("writes");
        // It is truncated after its copy is complete.
        while fs::metadata(&log).expect("a log").len() > 1 << 20 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let copy = fs::read_to_string(&rotated).expect("a rotated log");
        assert!(copy.contains(&format!("end of round {round}")));
        // Postgres goes on at the new end.
        execute(&url, "DO $$ BEGIN RAISE WARNING 'still here'; END $$").await;
        let bytes = fs::read(&log).expect("a log");
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("still here"), "{text}");
        assert!(bytes.len() < 1 << 20 && !bytes.contains(&0));
    }
    assert!(postgres.stop().await.success());
}

/// Sends one batch of log records again and again.
async fn send_again(base: &str) {
    let body = request(&[record("order.placed")]).encode_to_vec();
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS {
        let (url, body) = (format!("{base}/v1/logs"), body.clone());
        senders.spawn(async move {
            let client = client();
            for _ in 0..BATCHES / SENDERS {
                let post = client.post(&url);
                let post = post.header("content-type", Receiver::OtlpProtobuf.content_type());
                let answer = post.body(body.clone()).send().await.expect("answers");
                assert_eq!(answer.status(), StatusCode::OK);
            }
        });
    }
    senders.join_all().await;
}

/// Searches while a table is locked, and disconnects while the statement waits.
async fn cancel_searches(base: &str, url: &str) {
    let locked = url.to_owned();
    let lock = tokio::spawn(async move {
        let lock = "BEGIN; LOCK TABLE traces IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(600)";
        execute(&locked, lock).await;
    });
    let is_locked = "SELECT count(*) FROM pg_locks WHERE relation = 'traces'::regclass \
                     AND mode = 'AccessExclusiveLock' AND granted";
    while count(url, is_locked).await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Scheduled jobs may wait too, under names of their own.
    let waiting = "SELECT count(*) FROM pg_stat_activity \
                   WHERE application_name = 'throughline' AND wait_event_type = 'Lock'";
    for _ in 0..SEARCHES {
        let url_of_search = format!("{base}/api/admin/traces");
        let search = tokio::spawn(async move { client().get(url_of_search).send().await });
        while count(url, waiting).await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        search.abort();
        while count(url, waiting).await > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    lock.abort();
    execute(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' \
         AND pid <> pg_backend_pid()",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_and_cancelled_searches_hardly_make_the_log_of_the_cluster_grow() {
    let folder = data_dir();
    let server = Program::serve(folder.path()).await;
    let url = fs::read_to_string(folder.path().join("database-url")).expect("its address");
    let url = url.trim();
    let before = logged(folder.path()).len();
    send_again(&server.base).await;
    let after_retries = logged(folder.path()).len();
    cancel_searches(&server.base, url).await;
    let log = logged(folder.path());
    println!(
        "{} bytes logged for {BATCHES} retries, {} for {SEARCHES} cancelled searches",
        after_retries - before,
        log.len() - after_retries
    );
    // One error a hundred groups, at most.
    assert!(after_retries - before < 5_000, "{log}");
    assert!(log.len() - before < 100_000, "{log}");
    for text in ["STATEMENT:", "DETAIL:", "CONTEXT:", "order.placed"] {
        assert!(!log.contains(text), "{text} in {log}");
    }
    assert_eq!(count(url, "SELECT count(*) FROM events").await, 1);
    assert!(server.stop().await.success());
}
