//! Tests of starting, of being killed, and of restarting.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use throughline_store::testing::{count, execute};
use tokio::task::JoinSet;

use crate::faults::conservation::{check_memory, check_nothing_twice, counted};
use crate::program::{Program, data_dir, free_addr, run};
use crate::support::{Receiver, client, fetch, hex, span};

const SPANS: usize = 5;

/// The batches that must be acknowledged before a process is killed.
const ENOUGH: usize = 30;

/// The state that the senders and the test share.
#[derive(Default)]
struct Sending {
    stop: AtomicBool,
    acknowledged: Mutex<Vec<String>>,
}

impl Sending {
    /// Sends batches, one trace each, until `stop` is set.
    async fn send(self: Arc<Self>, base: String, receiver: Receiver) {
        let client = client();
        while !self.stop.load(Ordering::Relaxed) {
            let mut spans: Vec<_> = (0..SPANS).map(|_| span("work")).collect();
            let trace_id = spans[0].trace_id.clone();
            for span in &mut spans {
                span.trace_id.clone_from(&trace_id);
            }
            let request = client
                .post(format!("{base}{}", receiver.path()))
                .header("content-type", receiver.content_type())
                .body(receiver.body(&spans));
            let Ok(answer) = request.send().await else {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            };
            if answer.status() == StatusCode::OK {
                self.acknowledged.lock().unwrap().push(hex(&trace_id));
            }
        }
    }

    async fn wait_for_more(&self) {
        let before = self.acknowledged.lock().unwrap().len();
        for _ in 0..6000 {
            if self.acknowledged.lock().unwrap().len() >= before + ENOUGH {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("not {ENOUGH} batches were acknowledged in a minute");
    }
}

/// Sends from many tasks while `disturb` runs. Returns the acknowledged traces.
async fn send_during(base: &str, disturb: impl AsyncFnOnce(Arc<Sending>)) -> Vec<String> {
    let sending = Arc::new(Sending::default());
    let mut senders = JoinSet::new();
    for at in 0..9 {
        senders.spawn(Arc::clone(&sending).send(base.to_owned(), Receiver::ALL[at % 3]));
    }
    disturb(Arc::clone(&sending)).await;
    sending.stop.store(true, Ordering::Relaxed);
    senders.join_all().await;
    sending.acknowledged.lock().unwrap().clone()
}

async fn check_all_stored(base: &str, traces: &[String]) {
    for trace in traces {
        let answer = fetch(format!("{base}/api/admin/traces/{trace}")).await;
        let trace: Value = answer.expect("answers").json().await.expect("JSON");
        assert_eq!(
            trace["spans"].as_array().map(Vec::len),
            Some(SPANS),
            "{trace}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_spans_survive_kill_9_of_the_server_and_of_postgres() {
    let folder = data_dir();
    let server = Program::serve(folder.path()).await;
    let base = server.base.clone();
    let acknowledged = send_during(&base, async |sending| {
        sending.wait_for_more().await;
        server.kill().await;
    })
    .await;

    // The server takes over the running Postgres.
    let server = Program::serve(folder.path()).await;
    check_all_stored(&server.base, &acknowledged).await;

    let more = send_during(&server.base, async |sending| {
        sending.wait_for_more().await;
        server.kill_postgres();
        // The server restarts it, and requests succeed again.
        sending.wait_for_more().await;
    })
    .await;
    check_all_stored(&server.base, &more).await;
    check_all_stored(&server.base, &acknowledged).await;
    let url = std::fs::read_to_string(folder.path().join("database-url")).expect("a URL");
    check_nothing_twice(url.trim()).await;
    // The senders never retry, so the acknowledged spans are the received ones.
    let received = counted(&server.base, "received").await;
    assert_eq!(received, (more.len() * SPANS) as u64);
    assert_eq!(counted(&server.base, "duplicate").await, 0);
    check_memory(server.pid());
    assert!(server.stop().await.success());
    assert!(
        !folder.path().join("postgres/postmaster.pid").exists(),
        "Postgres is stopped too"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn server_and_postgres_restart_after_both_were_killed() {
    let folder = data_dir();
    let server = Program::serve(folder.path()).await;
    let base = server.base.clone();
    let acknowledged = send_during(&base, async |sending| {
        sending.wait_for_more().await;
        server.kill_postgres();
        server.kill().await;
    })
    .await;

    let server = Program::serve(folder.path()).await;
    check_all_stored(&server.base, &acknowledged).await;
    assert!(server.stop().await.success());
}

#[tokio::test]
async fn statements_and_row_contents_are_not_written_to_the_log_of_the_private_cluster() {
    let folder = data_dir();
    let (postgres, url) = Program::postgres(folder.path()).await;
    let duplicate = "CREATE TABLE held (key text PRIMARY KEY); INSERT INTO held VALUES ('secret')";
    execute(&url, duplicate).await;
    let failed = tokio::spawn(async move {
        execute(&url, "INSERT INTO held VALUES ('secret')").await;
    });
    assert!(failed.await.is_err(), "the key exists");
    let log = std::fs::read_to_string(folder.path().join("cluster.log")).expect("a log");
    assert!(log.contains("duplicate key"));
    assert!(!log.contains("STATEMENT") && !log.contains("secret"));
    assert!(postgres.stop().await.success());
}

#[tokio::test]
async fn a_new_cluster_compresses_page_images_as_quickly_as_its_postgres_can() {
    let folder = data_dir();
    let (postgres, url) = Program::postgres(folder.path()).await;
    let is_best = "SELECT count(*) FROM pg_settings WHERE name = 'wal_compression' \
                   AND setting = CASE WHEN 'lz4' = ANY(enumvals) THEN 'lz4' ELSE 'pglz' END";
    assert_eq!(count(&url, is_best).await, 1);
    assert!(postgres.stop().await.success());
}

#[tokio::test]
async fn a_second_server_on_the_same_data_directory_fails_to_start() {
    let folder = data_dir();
    let first = Program::serve(folder.path()).await;
    let path = folder.path().to_str().expect("text");
    let (addr, otlp) = (free_addr(), free_addr());
    let (status, complaint) = run(&[
        "serve",
        "--addr",
        &addr,
        "--otlp-addr",
        &otlp,
        "--data-dir",
        path,
    ])
    .await;
    assert!(!status.success());
    assert!(
        complaint.contains("another throughline (process"),
        "{complaint}"
    );

    let taken = first.base.trim_start_matches("http://");
    let (status, complaint) = run(&["serve", "--addr", taken, "--otlp-addr", &otlp]).await;
    assert!(!status.success());
    assert!(complaint.contains("is in use"), "{complaint}");
    let (status, complaint) = run(&["serve", "--addr", &addr, "--otlp-addr", taken]).await;
    assert!(!status.success());
    assert!(complaint.contains("--otlp-addr"), "{complaint}");
    assert!(first.stop().await.success());
}

#[tokio::test]
async fn a_foreign_cluster_is_not_changed() {
    let folder = data_dir();
    let cluster = folder.path().join("postgres");
    std::fs::create_dir(&cluster).expect("a folder");
    std::fs::write(cluster.join("PG_VERSION"), "15\n").expect("written");
    let path = folder.path().to_str().expect("text");
    let (status, complaint) = run(&["postgres", "--data-dir", path]).await;
    assert!(!status.success());
    assert!(complaint.contains("did not create"), "{complaint}");
    assert_eq!(
        std::fs::read_dir(&cluster).expect("there").count(),
        1,
        "nothing was added"
    );
}

#[tokio::test]
async fn addresses_that_are_not_loopback_are_rejected() {
    for (option, addr) in [
        ("--addr", "0.0.0.0:0"),
        ("--otlp-addr", "[::]:0"),
        ("--otlp-grpc-addr", "0.0.0.0:0"),
    ] {
        let (status, complaint) = run(&["serve", option, addr]).await;
        assert!(!status.success());
        assert!(complaint.contains("no sign-in yet"), "{complaint}");
    }
}

#[tokio::test]
async fn a_password_is_not_in_error_messages() {
    let (addr, otlp) = (free_addr(), free_addr());
    let url = "postgrs://me:hunter2@db/x";
    let (status, complaint) = run(&[
        "serve",
        "--addr",
        &addr,
        "--otlp-addr",
        &otlp,
        "--database-url",
        url,
    ])
    .await;
    assert!(!status.success());
    assert!(!complaint.contains("hunter2"), "{complaint}");
}
