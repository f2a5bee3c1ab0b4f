//! Tests of faults: a fault affects only its item and is reported.

use std::time::Duration;

use sqlx::AssertSqlSafe;
use throughline_model::{PageRequest, ReadError, TraceFilter};
use throughline_store::{Store, StoreOptions, WriteError, WriteOutcome};
use throughline_testkit::{Ids, Sent};
use throughline_wire::TenantId;

use crate::support::{Fixture, batch, lone, received};

async fn execute(fixture: &Fixture, sql: &'static str) {
    sqlx::raw_sql(sql)
        .execute(&mut fixture.database.connection().await)
        .await
        .expect("executes");
}

async fn allow_connections(fixture: &Fixture, allowed: bool) {
    let mut admin = fixture.database.admin().await;
    let name = fixture.database.name();
    sqlx::query(AssertSqlSafe(format!(
        "ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed}"
    )))
    .execute(&mut admin)
    .await
    .expect("alters");
    terminate(fixture).await;
}

async fn terminate(fixture: &Fixture) {
    sqlx::query("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1")
        .bind(fixture.database.name())
        .execute(&mut fixture.database.admin().await)
        .await
        .expect("terminates");
}

fn one(name: &'static str, seed: u64, fixture: &Fixture) -> Sent {
    let span = lone(name, &mut Ids::seeded(seed)).starts(fixture.now);
    Sent::by("shop", span.build())
}

#[tokio::test]
async fn a_row_that_the_database_rejects_does_not_fail_its_group() {
    let fixture = Fixture::new().await;
    execute(
        &fixture,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN RAISE EXCEPTION 'poison' USING ERRCODE = '22000'; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON level0_blocks FOR EACH ROW
             WHEN ('poison' = ANY (NEW.messages)) EXECUTE FUNCTION refuse();",
    )
    .await;
    // The first batch keeps the writer busy, so that the others form one group.
    let writer = fixture.store.writer();
    let mut outcomes = tokio::task::JoinSet::new();
    for at in 0..10_u64 {
        let sent: Vec<Sent> = (0..20)
            .map(|row| {
                let is_poison = at == 4 && (row == 7 || row == 13);
                let mut sent = one("work", 1_000 * at + row, &fixture);
                if is_poison {
                    sent.span.status = throughline_wire::Status::error("poison");
                }
                sent
            })
            .collect();
        let writer = writer.clone();
        outcomes.spawn(async move { (at, writer.submit(batch(&sent)).await) });
    }
    while let Some(joined) = outcomes.join_next().await {
        let (at, outcome) = joined.expect("runs");
        let outcome = outcome.expect("is stored");
        if at == 4 {
            assert_eq!(outcome.received, 18);
            let rejected: Vec<_> = outcome
                .rejected
                .iter()
                .map(|rejection| (rejection.index, rejection.reason.as_str()))
                .collect();
            assert_eq!(rejected, [(7, "poison"), (13, "poison")]);
        } else {
            assert_eq!(outcome, received(20));
        }
    }
    assert_eq!(fixture.count("SELECT count(*) FROM spans").await, 198);
    assert_eq!(
        fixture
            .count("SELECT sum(span_count)::bigint FROM traces")
            .await,
        198
    );
}

#[tokio::test]
async fn a_nul_character_rejects_only_its_span() {
    let fixture = Fixture::new().await;
    let mut bad = one("bad", 1, &fixture);
    bad.span.name = "b\0d".into();
    let mut user = one("user", 2, &fixture);
    user.span.attributes.insert("user.id", "a\0b");
    let mut kept = one("kept", 3, &fixture);
    kept.span.attributes.insert("any", "a\0b");
    let outcome = fixture.write(&[bad, user, kept.clone()]).await;
    assert_eq!(outcome.received, 1);
    let indexes: Vec<_> = outcome.rejected.iter().map(|r| r.index).collect();
    assert_eq!(indexes, [0, 1]);
    // The database does not check the bytes of an attribute.
    assert_eq!(
        fixture.trace(kept.span.trace_id).await.spans[0].span,
        kept.span
    );
}

#[tokio::test]
async fn a_full_queue_rejects_at_once_with_a_retry_delay() {
    let fixture = Fixture::new().await;
    let now = fixture.now;
    let store = fixture.database.store_with(StoreOptions {
        queue_bytes: 20_000,
        ..StoreOptions::new(move || now)
    });
    // A lock that blocks every commit until the transaction ends.
    let mut blocker = fixture.database.connection().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE traces IN ACCESS EXCLUSIVE MODE;")
        .execute(&mut blocker)
        .await
        .expect("locks");
    let writer = store.writer();
    let large = |seed| {
        let mut sent = one("large", seed, &fixture);
        // A value that is not offloaded.
        for part in ["head", "body"] {
            sent.span.attributes.insert(part, "x".repeat(7_500));
        }
        batch(&[sent])
    };
    let waiting = tokio::spawn({
        let (writer, batch) = (writer.clone(), large(1));
        async move { writer.submit(batch).await }
    });
    tokio::task::yield_now().await;
    match writer.submit(large(2)).await {
        Err(WriteError::Overloaded { retry_after }) => {
            assert!((Duration::from_secs(1)..=Duration::from_secs(30)).contains(&retry_after));
        }
        other => panic!("{other:?}"),
    }
    assert!(!waiting.is_finished());
    sqlx::raw_sql("ROLLBACK")
        .execute(&mut blocker)
        .await
        .expect("unlocks");
    assert_eq!(waiting.await.expect("runs"), Ok(received(1)));
    assert_eq!(writer.submit(large(2)).await, Ok(received(1)));
    store.close().await;
}

#[tokio::test]
async fn a_batch_larger_than_the_queue_is_accepted_if_the_queue_is_empty() {
    let fixture = Fixture::new().await;
    let now = fixture.now;
    let store = fixture.database.store_with(StoreOptions {
        queue_bytes: 1,
        ..StoreOptions::new(move || now)
    });
    let outcome = store
        .writer()
        .submit(batch(&[one("only", 1, &fixture)]))
        .await;
    assert_eq!(outcome, Ok(received(1)));
    store.close().await;
}

#[tokio::test]
async fn the_writer_reconnects_without_an_error_for_the_sender() {
    let fixture = Fixture::new().await;
    fixture.write(&[one("before", 1, &fixture)]).await;
    terminate(&fixture).await;
    assert_eq!(
        fixture.write(&[one("after", 2, &fixture)]).await,
        received(1)
    );
    assert_eq!(fixture.list(&TraceFilter::default()).await.len(), 2);
}

#[tokio::test]
async fn writes_are_unavailable_while_the_database_refuses_them_and_recover() {
    let fixture = Fixture::new().await;
    fixture.write(&[one("before", 1, &fixture)]).await;
    allow_connections(&fixture, false).await;
    let writer = fixture.store.writer();
    for seed in 2..5 {
        let outcome = writer.submit(batch(&[one("during", seed, &fixture)])).await;
        assert_eq!(outcome, Err(WriteError::Unavailable));
    }
    assert_eq!(fixture.store.ping().await, Err(ReadError::Unavailable));
    let listed = fixture
        .reader()
        .list_traces(&TraceFilter::default(), PageRequest::default())
        .await;
    assert_eq!(listed, Err(ReadError::Unavailable));

    allow_connections(&fixture, true).await;
    let recovered = loop {
        match writer.submit(batch(&[one("during", 2, &fixture)])).await {
            Err(WriteError::Unavailable) => tokio::time::sleep(Duration::from_millis(50)).await,
            outcome => break outcome,
        }
    };
    assert_eq!(recovered, Ok(received(1)));
    assert_eq!(fixture.list(&TraceFilter::default()).await.len(), 2);
}

#[tokio::test]
async fn a_missing_database_is_unavailable_and_nothing_panics() {
    let options = StoreOptions {
        acquire_timeout: Duration::from_millis(200),
        ..StoreOptions::new(|| throughline_testkit::NOW)
    };
    // No program listens on port 1 of the loopback interface.
    let store = Store::connect_lazy("postgres://nobody@127.0.0.1:1/x", options).expect("a URL");
    assert_eq!(store.ping().await, Err(ReadError::Unavailable));
    let sent = [Sent::by("shop", lone("x", &mut Ids::seeded(1)).build())];
    assert_eq!(
        store.writer().submit(batch(&sent)).await,
        Err(WriteError::Unavailable)
    );
    assert!(store.migrate().await.is_err());
    store.close().await;
}

#[tokio::test]
async fn a_commit_that_times_out_is_unavailable_and_stores_nothing() {
    let fixture = Fixture::new().await;
    let now = fixture.now;
    let store = fixture.database.store_with(StoreOptions {
        commit_timeout: Duration::from_millis(300),
        ..StoreOptions::new(move || now)
    });
    let mut blocker = fixture.database.connection().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE traces IN ACCESS EXCLUSIVE MODE;")
        .execute(&mut blocker)
        .await
        .expect("locks");
    let sent = [one("stuck", 1, &fixture)];
    let outcome = store.writer().submit(batch(&sent)).await;
    assert_eq!(outcome, Err(WriteError::Unavailable));
    sqlx::raw_sql("ROLLBACK")
        .execute(&mut blocker)
        .await
        .expect("unlocks");
    let outcome = store.writer().submit(batch(&sent)).await;
    assert_eq!(outcome, Ok(received(1)));
    store.close().await;
}

#[tokio::test]
async fn a_query_that_times_out_reports_a_timeout() {
    let fixture = Fixture::new().await;
    let now = fixture.now;
    let store = fixture.database.store_with(StoreOptions {
        read_timeout: Duration::from_millis(100),
        ..StoreOptions::new(move || now)
    });
    let mut blocker = fixture.database.connection().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE traces IN ACCESS EXCLUSIVE MODE;")
        .execute(&mut blocker)
        .await
        .expect("locks");
    let listed = store
        .reader(TenantId::DEFAULT)
        .list_traces(&TraceFilter::default(), PageRequest::default())
        .await;
    assert_eq!(listed, Err(ReadError::TimedOut));
    store.close().await;
}

#[tokio::test]
async fn closing_the_writer_reports_the_outcome_of_every_submitted_batch() {
    let fixture = Fixture::new().await;
    let writer = fixture.store.writer();
    let mut outcomes = tokio::task::JoinSet::new();
    for seed in 0..50 {
        let (writer, batch) = (writer.clone(), batch(&[one("work", seed, &fixture)]));
        outcomes.spawn(async move { writer.submit(batch).await });
    }
    tokio::task::yield_now().await;
    fixture.store.close().await;
    let mut stored = 0;
    while let Some(outcome) = outcomes.join_next().await {
        match outcome.expect("runs") {
            Ok(outcome) => stored += outcome.received,
            Err(error) => assert_eq!(error, WriteError::Closed),
        }
    }
    assert_eq!(
        fixture.count("SELECT count(*) FROM spans").await,
        stored as i64
    );
    let late = writer.submit(batch(&[one("late", 99, &fixture)])).await;
    assert_eq!(late, Err(WriteError::Closed));
}

#[tokio::test]
async fn an_empty_batch_needs_no_query() {
    let fixture = Fixture::new().await;
    allow_connections(&fixture, false).await;
    let outcome = fixture.store.writer().submit(batch(&[])).await;
    assert_eq!(outcome, Ok(WriteOutcome::default()));
}

#[tokio::test]
async fn ingest_is_rejected_while_compaction_is_behind_and_resumes_afterwards() {
    let fixture = Fixture::new().await;
    let now = fixture.now;
    let store = fixture.database.store_with(StoreOptions {
        level0_limit: throughline_store::Level0Limit {
            blocks: 2,
            ..<_>::default()
        },
        ..StoreOptions::new(move || now)
    });
    let writer = store.writer();
    for seed in 0..3 {
        let outcome = writer.submit(batch(&[one("work", seed, &fixture)])).await;
        assert_eq!(outcome, Ok(received(1)));
    }
    while writer.admit().is_ok() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let refused = writer.submit(batch(&[one("work", 9, &fixture)])).await;
    assert!(
        matches!(refused, Err(WriteError::Overloaded { .. })),
        "{refused:?}"
    );
    // Deletes the blocks, as compaction does.
    execute(&fixture, "DELETE FROM level0_blocks").await;
    while writer.admit().is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let outcome = writer.submit(batch(&[one("work", 9, &fixture)])).await;
    assert_eq!(outcome, Ok(received(1)));
    store.close().await;
}
