//! Tests that a backup during other work restores the same rows, and that a bad backup restores
//! nothing.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _};
use throughline_model::StorageGauge;
use throughline_store::testing::{FreshDatabase, count, execute, no_limit, table_digests};
use throughline_store::{
    BackupError, BackupReport, CompactionScope, Gauge, JobKind, SpanGroup, Store, StoreError,
    WriteBatch,
};
use throughline_testkit::{Ids, Sent, span};
use throughline_wire::{LogRecord, Resource, TenantId, TraceId, UnixNanos};

use crate::support::{Fixture, batch};

/// A query for the number of traces whose number of spans differs from the count in their row.
const TRACES_WITHOUT_THEIR_SPANS: &str = "
    SELECT count(*) FROM traces AS t
    WHERE span_count <> (SELECT count(*) FROM trace_spans(t.tenant_id, t.trace_id))";

async fn back_up(store: &Store) -> Vec<u8> {
    let mut file = Vec::new();
    let report = store.backup(&mut file, &no_limit(), |_| {}).await;
    report.expect("backs up");
    file
}

async fn restore(store: &Store, file: &[u8]) -> Result<BackupReport, BackupError> {
    store.restore(file, &no_limit(), |_| {}).await
}

/// Returns the digests of the tables that a backup contains.
async fn restored_digests(url: &str) -> Vec<(String, i64, Option<String>)> {
    let mut digests = table_digests(url).await;
    // These tables describe the partitions of one database.
    digests.retain(|(table, ..)| table != "day_archive" && table != "retention_days");
    digests
}

fn trace_of(fixture: &Fixture, ids: &mut Ids, span_count: i64) -> Vec<Sent> {
    let trace_id = ids.trace_id();
    (0..span_count)
        .map(|at| {
            let work = span("work")
                .in_trace(trace_id)
                .id(ids.span_id())
                .starts(fixture.at_ms(at))
                .with("at", at);
            let work = if at == 3 { work.error("failed") } else { work };
            Sent::by("shop", work.build())
        })
        .collect()
}

fn event(message: String, time: UnixNanos, trace_id: Option<TraceId>) -> LogRecord {
    LogRecord {
        time,
        severity_number: 13,
        body: message.into(),
        trace_id,
        ..LogRecord::default()
    }
}

/// Fills every kind of table and partition.
async fn fill(fixture: &Fixture) {
    let mut ids = Ids::seeded(7);
    for _ in 0..20 {
        fixture.write(&trace_of(fixture, &mut ids, 5)).await;
    }
    fixture.store.compact_once().await.expect("compacts");
    let long = "x".repeat(50_000);
    let large = span("large").in_trace(ids.trace_id()).id(ids.span_id());
    let large = large.starts(fixture.now).with("body", long).build();
    let trace_id = large.trace_id;
    fixture.write(&[Sent::by("shop", large)]).await;
    let instants = [
        // Spans before 1970, in the archive, in a past day and today.
        -5,
        fixture.now.get() - 300 * UnixNanos::PER_DAY,
        fixture.now.get() - 3 * UnixNanos::PER_DAY,
        fixture.now.get(),
    ];
    let events = instants
        .into_iter()
        .map(|at| event(format!("at {at}"), UnixNanos::new(at), Some(trace_id)))
        .collect();
    let writer = fixture.store.writer();
    let outcome = writer.submit(WriteBatch {
        tenant: TenantId::DEFAULT,
        groups: vec![SpanGroup {
            resource: Arc::new(Resource::of_service("shop")),
            events,
            ..SpanGroup::default()
        }],
    });
    assert_eq!(outcome.await.expect("is stored").events.received, 4);
    execute(
        fixture.database.url(),
        "INSERT INTO pins SELECT tenant_id, trace_id, 1, 'kept' FROM traces LIMIT 2;
         INSERT INTO storage_days VALUES (0, 7);
         UPDATE retention_state SET pruned_before_ns = 9;",
    )
    .await;
}

#[tokio::test]
async fn restored_tables_are_equal_row_by_row() {
    let (from, to) = (Fixture::new().await, Fixture::new().await);
    fill(&from).await;
    let mut file = Vec::new();
    let mut complete = Vec::new();
    let gauge = no_limit();
    let saved = from.store.backup(&mut file, &gauge, |progress| {
        if progress.is_complete {
            complete.push((progress.table.to_owned(), progress.row_count as i64));
        }
    });
    let saved = saved.await.expect("backs up");
    let expected = table_digests(from.database.url()).await;
    let counts = expected
        .iter()
        .map(|(table, rows, _)| (table.clone(), *rows));
    assert_eq!(complete, counts.collect::<Vec<_>>());
    for table in [
        "level0_blocks",
        "level1_blocks",
        "events",
        "payloads",
        "traces",
    ] {
        assert!(
            expected
                .iter()
                .any(|(name, rows, _)| name == table && *rows > 0),
            "{table} is empty"
        );
    }

    let restored = restore(&to.store, &file).await.expect("restores");
    assert_eq!(restored, saved);
    assert_eq!(
        restored_digests(to.database.url()).await,
        restored_digests(from.database.url()).await
    );
    let sequence = "SELECT last_value FROM block_ids";
    assert!(to.count(sequence).await >= from.count(sequence).await);
    assert_eq!(to.count(TRACES_WITHOUT_THEIR_SPANS).await, 0);

    // The restored database stores new spans and recognises duplicates.
    let mut ids = Ids::seeded(8);
    let outcome = to.write(&trace_of(&to, &mut ids, 2)).await;
    assert_eq!((outcome.received, outcome.duplicate), (2, 0));
    let again = to.write(&trace_of(&from, &mut Ids::seeded(7), 5)).await;
    assert_eq!((again.received, again.duplicate), (0, 5), "{again:?}");
    assert_eq!(to.count(TRACES_WITHOUT_THEIR_SPANS).await, 0);
}

#[tokio::test]
async fn backup_during_commits_and_compactions_is_consistent() {
    let from = Fixture::new().await;
    let stop = Arc::new(AtomicBool::new(false));
    let commits = Arc::new(AtomicU64::new(0));
    let writing = {
        let (stop, commits) = (Arc::clone(&stop), Arc::clone(&commits));
        let (writer, now) = (from.store.writer(), from.now);
        tokio::spawn(async move {
            let mut ids = Ids::seeded(11);
            let traces: Vec<_> = (0..10).map(|_| ids.trace_id()).collect();
            while !stop.load(Ordering::Relaxed) {
                // The traces get more spans, so their rows and blocks change together.
                let sent: Vec<_> = traces
                    .iter()
                    .map(|trace_id| {
                        let span = span("work").in_trace(*trace_id).id(ids.span_id());
                        Sent::by("shop", span.starts(now).build())
                    })
                    .collect();
                writer.submit(batch(&sent)).await.expect("is stored");
                commits.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
    };
    let compacting = {
        let stop = Arc::clone(&stop);
        let lead = from.store.try_lead(JobKind::Compact).await.expect("asks");
        let mut lead = lead.expect("nobody else has it");
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let compacted = lead.compact(CompactionScope::Everything).await;
                compacted.expect("compacts");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
    };
    for _ in 0..3 {
        let before = commits.load(Ordering::Relaxed);
        while commits.load(Ordering::Relaxed) < before + 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let file = back_up(&from.store).await;
        let to = Fixture::new().await;
        restore(&to.store, &file).await.expect("restores");
        assert!(to.count("SELECT sum(span_count)::bigint FROM traces").await > 0);
        assert_eq!(to.count(TRACES_WITHOUT_THEIR_SPANS).await, 0);
    }
    stop.store(true, Ordering::Relaxed);
    writing.await.expect("writes");
    compacting.await.expect("compacts");
}

#[tokio::test]
async fn incomplete_and_damaged_files_restore_nothing() {
    let (from, to) = (Fixture::new().await, Fixture::new().await);
    fill(&from).await;
    let file = back_up(&from.store).await;
    let before = table_digests(to.database.url()).await;
    for length in [
        0,
        1,
        40,
        file.len() / 3,
        file.len() / 2,
        file.len() - 5,
        file.len() - 1,
    ] {
        let error = restore(&to.store, &file[..length]).await;
        assert!(
            matches!(error, Err(BackupError::Truncated)),
            "{length}: {error:?}"
        );
    }
    for part in 0..10 {
        let mut file = file.clone();
        let at = file.len() * part / 10 + 16;
        file[at] ^= 0x10;
        restore(&to.store, &file).await.expect_err("a flipped byte");
    }
    // A change that zstd does not detect: the bytes were changed before compression.
    let content = zstd::decode_all(&file[..]).expect("zstd");
    for part in 0..10 {
        let mut content = content.clone();
        let at = content.len() * part / 10 + 12;
        content[at] ^= 0x01;
        let file = zstd::encode_all(&content[..], 1).expect("compresses");
        let error = restore(&to.store, &file).await;
        assert!(
            matches!(error, Err(BackupError::Damaged(_) | BackupError::Truncated)),
            "{at}: {error:?}"
        );
    }
    let mut longer = content.clone();
    longer.push(0);
    let longer = zstd::encode_all(&longer[..], 1).expect("compresses");
    let error = restore(&to.store, &longer).await;
    assert!(matches!(error, Err(BackupError::Damaged(_))), "{error:?}");
    assert_eq!(table_digests(to.database.url()).await, before);
    restore(&to.store, &file)
        .await
        .expect("the whole one restores");
}

#[tokio::test]
async fn files_of_another_kind_or_version_are_rejected() {
    let to = Fixture::new().await;
    let error = restore(&to.store, b"").await;
    assert!(matches!(error, Err(BackupError::Truncated)), "{error:?}");
    for bytes in [b"PGDMP and more".as_slice(), &[0; 4000]] {
        let error = restore(&to.store, bytes).await;
        assert!(matches!(error, Err(BackupError::NotABackup)), "{error:?}");
    }
    let other = zstd::encode_all(&b"{\"resourceSpans\": []}"[..], 1).expect("compresses");
    let error = restore(&to.store, &other).await;
    assert!(matches!(error, Err(BackupError::NotABackup)), "{error:?}");

    let file = back_up(&to.store).await;
    let mut content = zstd::decode_all(&file[..]).expect("zstd");
    content[8] += 1;
    let newer = zstd::encode_all(&content[..], 1).expect("compresses");
    let error = restore(&to.store, &newer).await;
    assert!(
        matches!(error, Err(BackupError::UnknownFormat(2))),
        "{error:?}"
    );

    let url = to.database.url();
    execute(
        url,
        "UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 1",
    )
    .await;
    let error = restore(&to.store, &file).await;
    let Err(BackupError::OtherSchema { found, .. }) = error else {
        panic!("{error:?}")
    };
    assert_eq!(i64::from(found > 0), 1);
}

#[tokio::test]
async fn restore_into_a_database_with_rows_is_rejected() {
    let (from, to) = (Fixture::new().await, Fixture::new().await);
    let file = back_up(&from.store).await;
    to.write(&trace_of(&to, &mut Ids::seeded(3), 1)).await;
    let before = table_digests(to.database.url()).await;
    let error = restore(&to.store, &file).await.expect_err("refused");
    assert!(matches!(error, BackupError::NotEmpty(_)), "{error:?}");
    assert!(error.to_string().contains("new database"), "{error}");
    assert_eq!(table_digests(to.database.url()).await, before);
}

#[tokio::test]
async fn backup_stops_at_the_disk_reserve_and_leaves_an_incomplete_file() {
    let fixture = Fixture::new().await;
    fill(&fixture).await;
    let looks = AtomicU64::new(0);
    let looks = Arc::new(looks);
    let counted = Arc::clone(&looks);
    let gauge: Gauge = Arc::new(move || StorageGauge {
        // A used-up size budget does not prevent a backup.
        used_bytes: 10,
        reusable_bytes: 0,
        budget_bytes: Some(1),
        free_bytes: Some(if counted.fetch_add(1, Ordering::Relaxed) < 5 {
            100
        } else {
            99
        }),
        reserve_bytes: 100,
    });
    let mut file = Vec::new();
    let error = fixture.store.backup(&mut file, &gauge, |_| {}).await;
    assert!(matches!(error, Err(BackupError::DiskReserve)), "{error:?}");
    assert_eq!(looks.load(Ordering::Relaxed), 6);
    file.flush().expect("writes");
    let to = Fixture::new().await;
    let error = restore(&to.store, &file).await;
    assert!(matches!(error, Err(BackupError::Truncated)), "{error:?}");
}

#[tokio::test]
async fn schema_of_a_newer_version_is_neither_migrated_nor_backed_up() {
    let database = FreshDatabase::create().await;
    execute(
        database.url(),
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (999, 'of the future', true, '\\x00', 0)",
    )
    .await;
    let applied = "SELECT count(*) FROM _sqlx_migrations";
    let before = count(database.url(), applied).await;
    let store = database.store(database.now().await);
    let error = store.migrate().await.expect_err("refused");
    assert!(
        matches!(error, StoreError::NewerSchema { found: 999, .. }),
        "{error:?}"
    );
    let text = error.to_string();
    assert!(
        text.contains("install that version, or restore a backup"),
        "{text}"
    );
    let error = store.backup(Vec::new(), &no_limit(), |_| {}).await;
    assert!(
        matches!(
            error,
            Err(BackupError::Store(StoreError::NewerSchema { .. }))
        ),
        "{error:?}"
    );
    assert_eq!(count(database.url(), applied).await, before);
}

#[tokio::test]
async fn partition_cannot_be_dropped_while_a_backup_copies_it() {
    let fixture = Fixture::new().await;
    fill(&fixture).await;
    let mut file = Vec::new();
    let url = fixture.database.url().to_owned();
    let mut is_first = true;
    let gauge = no_limit();
    let report = fixture.store.backup(&mut file, &gauge, |_| {
        if !core::mem::take(&mut is_first) {
            return;
        }
        let url = url.clone();
        // Retention tries to drop the partition now, and must retry.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(async {
                let mut connection = sqlx::PgConnection::connect(&url).await.expect("connects");
                let table: String = sqlx::query_scalar(
                    "SELECT inhrelid::regclass::text FROM pg_inherits
                     WHERE inhparent = 'level1_blocks'::regclass LIMIT 1",
                )
                .fetch_one(&mut connection)
                .await
                .expect("there is one");
                let drop = format!("SET lock_timeout = '50ms'; DROP TABLE {table}");
                sqlx::raw_sql(AssertSqlSafe(drop))
                    .execute(&mut connection)
                    .await
            })
        });
        dropped
            .join()
            .expect("ran")
            .expect_err("the backup holds a lock");
    });
    report.await.expect("backs up");
    let to = Fixture::new().await;
    restore(&to.store, &file).await.expect("restores");
    assert_eq!(to.count(TRACES_WITHOUT_THEIR_SPANS).await, 0);
}

#[tokio::test]
async fn restore_stops_at_the_disk_reserve_and_restores_nothing() {
    let fixture = Fixture::new().await;
    fill(&fixture).await;
    let file = back_up(&fixture.store).await;
    let to = Fixture::new().await;
    let tables = table_digests(to.database.url()).await;
    for first in [0, 5] {
        let looks = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&looks);
        let gauge: Gauge = Arc::new(move || StorageGauge {
            // A used-up size budget does not prevent a restore.
            used_bytes: 10,
            reusable_bytes: 0,
            budget_bytes: Some(1),
            free_bytes: Some(100 - u64::from(counted.fetch_add(1, Ordering::Relaxed) >= first)),
            reserve_bytes: 100,
        });
        let error = to.store.restore(&file[..], &gauge, |_| {}).await;
        assert!(matches!(error, Err(BackupError::DiskReserve)), "{error:?}");
        assert_eq!(looks.load(Ordering::Relaxed), first + 1);
        assert_eq!(table_digests(to.database.url()).await, tables);
    }
    restore(&to.store, &file).await.expect("there is space now");
}
