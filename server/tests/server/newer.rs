//! A server on a database of a newer version stores nothing and reports the reason.

use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use throughline_model::RetentionRules;
use throughline_server::clock::Clock;
use throughline_server::readiness::Readiness;
use throughline_server::tasks::{StorageLimits, TaskOptions, Tasks};
use throughline_store::testing::{FreshDatabase, count, execute};
use throughline_store::{JobKind, StoreOptions};
use tokio::sync::watch;

use crate::program::run;
use crate::support::{Receiver, Server, span};

const ADD_UNKNOWN: &str = "
    INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
    VALUES (999, 'of the future', true, '\\x00', 0)";
const REMOVE_UNKNOWN: &str = "DELETE FROM _sqlx_migrations WHERE version = 999";

async fn newer_database() -> FreshDatabase {
    let database = FreshDatabase::create().await;
    execute(database.url(), ADD_UNKNOWN).await;
    database
}

#[tokio::test]
async fn server_on_a_newer_schema_is_not_ready_and_stores_nothing_until_it_is_replaced() {
    let database = newer_database().await;
    let url = database.url().to_owned();
    let server = Server::start_on(&url, Some(database)).await;
    let reason = loop {
        let answer = server.get("/readyz").await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let reason = answer.text().await.expect("a body");
        if reason.contains("newer version") {
            break reason;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(reason.contains("install that version"), "{reason}");
    for receiver in Receiver::ALL {
        let answer = server.post(receiver, receiver.body(&[span("early")])).await;
        assert_eq!(
            answer.status(),
            StatusCode::SERVICE_UNAVAILABLE,
            "{receiver:?}"
        );
        assert!(answer.headers().contains_key("retry-after"), "{receiver:?}");
    }
    assert_eq!(count(&url, "SELECT count(*) FROM traces").await, 0);

    execute(&url, REMOVE_UNKNOWN).await;
    server.wait_until_ready().await;
    server.send(Receiver::Native, &[span("now")]).await;
}

#[tokio::test]
async fn jobs_wait_until_the_schema_is_known() {
    let database = newer_database().await;
    let clock = Clock::system();
    let now = clock.clone();
    let store = Arc::new(database.store_with(StoreOptions::new(move || now.now())));
    let readiness = Readiness::migrate(Arc::clone(&store));
    let (stop, stopping) = watch::channel(false);
    let options = TaskOptions {
        rules: RetentionRules::default(),
        limits: StorageLimits {
            budget_bytes: None,
            reserve_bytes: 0,
        },
        data_dir: None,
    };
    let tasks = Tasks::start(&store, &readiness, clock, options, &stopping);
    let is_newer = |missing: Option<&str>| missing.is_some_and(|it| it.contains("newer version"));
    while !is_newer(readiness.missing()) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let missing = readiness.check(&store, None).await;
    assert!(is_newer(missing.err().as_deref()));
    for job in [JobKind::Compact, JobKind::Retain] {
        let lock = store.try_lead(job).await.expect("asks");
        lock.expect("no job of the server has it").release().await;
    }

    execute(database.url(), REMOVE_UNKNOWN).await;
    while let Some(lock) = store.try_lead(JobKind::Compact).await.expect("asks") {
        lock.release().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stop.send_replace(true);
    tasks.ended().await;
    store.close().await;
}

#[tokio::test]
async fn command_on_a_newer_schema_says_what_to_do() {
    let database = newer_database().await;
    let (status, complaint) = run(&["migrate", "--database-url", database.url()]).await;
    assert!(!status.success());
    assert!(complaint.contains("install that version"), "{complaint}");
}
