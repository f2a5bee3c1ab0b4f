//! Tests that compaction keeps every span, also after faults.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use throughline_codec::binary;
use throughline_wire::{AttributeValue, Attributes, UnixNanos};
use uuid::Uuid;

use super::{CompactionReport, CompactionScope, Compactor};
use crate::block::table::{STORED_BLOCK_COLUMNS, StoredBlock, insert_level0};
use crate::block::{BlockBuilder, DroppedCounts, IngestMetadata, SpanRecord};
use crate::testing::FreshDatabase;

const TENANT: Uuid = Uuid::from_u128(7);
const HOUR: i64 = UnixNanos::PER_HOUR;

/// A span with the fields that the tests compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct TestSpan {
    trace: u128,
    id: i64,
    start_ns: i64,
    is_error: bool,
    received_ns: i64,
}

fn span(trace: u128, id: i64) -> TestSpan {
    let start_ns = 1_795_219_200_000_000_000 + id * 1_000;
    TestSpan {
        trace,
        id,
        start_ns,
        is_error: false,
        received_ns: start_ns + 5_000,
    }
}

/// Calls `see` with the span as a record whose content depends on its id.
fn with_record(span: &TestSpan, see: impl FnOnce(&SpanRecord<'_>)) {
    let mut attributes = Vec::new();
    let value: AttributeValue = format!("value {}", span.id % 10).into();
    let pairs = Attributes::from_pairs(vec![("key".into(), value)]);
    binary::encode_attributes(&pairs, &mut attributes);
    see(&SpanRecord {
        trace_id: span.trace.to_be_bytes(),
        span_id: span.id,
        parent_span_id: (span.id > 1).then_some(1),
        operation_id: span.id % 5,
        service_id: 3,
        resource_id: 4,
        scope_id: 5,
        start_ns: span.start_ns,
        duration_ns: 10,
        status: if span.is_error { 2 } else { 0 },
        flags: 1,
        dropped: DroppedCounts::default(),
        trace_state: "state",
        status_message: if span.is_error { "broken" } else { "" },
        attributes: &attributes,
        events: &[],
        links: &[],
        payloads: &[],
        ingest: IngestMetadata {
            received_ns: span.received_ns,
            ..IngestMetadata::default()
        },
    });
}

/// A database with blocks that the tests write.
struct Blocks {
    database: FreshDatabase,
    connection: PgConnection,
    compactor: Compactor,
}

impl Blocks {
    async fn new() -> Self {
        let database = FreshDatabase::create().await;
        let connection = database.connection().await;
        Self {
            database,
            connection,
            compactor: Compactor::default(),
        }
    }

    async fn execute(&mut self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(&mut self.connection)
            .await
            .expect("executes");
    }

    /// Stores spans in the same way as a commit: their block and the rows of their traces.
    async fn write(&mut self, spans: &[TestSpan]) {
        let mut traces: BTreeMap<u128, Vec<TestSpan>> = BTreeMap::new();
        for span in spans {
            traces.entry(span.trace).or_default().push(*span);
        }
        for (trace, spans) in &traces {
            let errors = spans.iter().filter(|span| span.is_error).count() as i32;
            sqlx::query(include_str!("test_trace.sql"))
                .bind(TENANT)
                .bind(Uuid::from_u128(*trace))
                .bind(spans[0].start_ns)
                .bind(spans[0].received_ns)
                .bind(spans.len() as i32)
                .bind(errors)
                .execute(&mut self.connection)
                .await
                .expect("stores a trace");
        }
        let mut builder = BlockBuilder::new(1);
        for span in traces.values().flatten() {
            with_record(span, |record| builder.push(record));
        }
        let block = builder.finish().expect("is built");
        insert_level0(&mut self.connection, TENANT, block)
            .await
            .expect("stores a block");
    }

    async fn compact(&mut self, scope: CompactionScope) -> CompactionReport {
        let run = self.compactor.run(&mut self.connection, scope).await;
        run.expect("compacts")
    }

    async fn count(&mut self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql)
            .fetch_one(&mut self.connection)
            .await
            .expect("counts")
    }

    async fn level0_blocks(&mut self) -> i64 {
        self.count("SELECT count(*) FROM level0_blocks").await
    }

    /// Returns the trace and the id of the spans in a table, sorted.
    async fn stored(&mut self, table: &str) -> Vec<(u128, i64)> {
        stored(&mut self.connection, table).await
    }
}

async fn read(connection: &mut PgConnection, table: &str) -> Vec<StoredBlock> {
    sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {STORED_BLOCK_COLUMNS} FROM {table} ORDER BY id"
    )))
    .fetch_all(connection)
    .await
    .expect("reads")
}

async fn stored(connection: &mut PgConnection, table: &str) -> Vec<(u128, i64)> {
    let mut spans = Vec::new();
    for block in read(connection, table).await {
        // A damaged block has no spans.
        let _ = block.for_each(|record| {
            spans.push((u128::from_be_bytes(record.trace_id), record.span_id));
        });
    }
    spans.sort_unstable();
    spans
}

fn ids(spans: &[TestSpan]) -> Vec<(u128, i64)> {
    let mut ids: Vec<_> = spans.iter().map(|span| (span.trace, span.id)).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn spans_move_to_level_1_sorted_by_trace_and_unchanged() {
    let mut blocks = Blocks::new().await;
    let spans: Vec<_> = (1..=300).map(|id| span((id % 7) as u128, id)).collect();
    // Every block has a part of every trace.
    for part in spans.chunks(30) {
        blocks.write(part).await;
    }
    let report = blocks.compact(CompactionScope::Everything).await;
    assert_eq!((report.replaced_blocks, report.written_blocks), (10, 1));
    assert_eq!((report.moved_spans, report.dropped_spans), (300, 0));
    assert_eq!(blocks.level0_blocks().await, 0);
    let stored = read(&mut blocks.connection, "level1_blocks").await;
    let mut seen = Vec::new();
    let decoded = stored[0].for_each(|record| {
        let trace = u128::from_be_bytes(record.trace_id);
        let written = spans.iter().find(|span| span.id == record.span_id);
        let written = written.expect("was written");
        with_record(written, |expected| assert_eq!(record, *expected));
        seen.push((trace, record.start_ns));
    });
    decoded.expect("is whole");
    assert_eq!(seen.len(), 300);
    assert!(seen.is_sorted());
    let again = blocks.compact(CompactionScope::Everything).await;
    assert_eq!(again, CompactionReport::default());
}

#[tokio::test]
async fn traces_with_an_error_or_a_warning_go_to_their_own_partition() {
    let mut blocks = Blocks::new().await;
    let failed = TestSpan {
        is_error: true,
        ..span(2, 2)
    };
    blocks
        .write(&[span(1, 1), span(2, 1), span(3, 1), span(4, 1)])
        .await;
    // The error is in another block, next to spans with wrong clocks.
    let far = |trace, days: i64| TestSpan {
        start_ns: span(trace, 1).start_ns + days * UnixNanos::PER_DAY,
        ..span(trace, 1)
    };
    blocks.write(&[failed, far(5, -60), far(6, 3_000)]).await;
    let at_ns = span(3, 1).start_ns;
    let day = at_ns / UnixNanos::PER_DAY;
    blocks
        .execute(&format!("UPDATE level0_blocks SET received_day = {day}"))
        .await;
    blocks
        .execute(&format!(
            "SELECT ensure_day_partitions({at_ns} / 86400000000000 * 86400000000000);
             INSERT INTO events (tenant_id, trace_id, at_ns, received_ns, digest, resource_id,
                 scope_id, severity)
             SELECT '{TENANT}', trace_id, {at_ns}, {at_ns}, severity, 1, 1, severity
             FROM (VALUES ('{}'::uuid, 13), ('{}', 12)) AS event (trace_id, severity)",
            Uuid::from_u128(3),
            Uuid::from_u128(4),
        ))
        .await;
    blocks.compact(CompactionScope::Everything).await;
    let of_class = |class| format!("level1_blocks WHERE class = {class}");
    let ok = blocks.stored(&of_class(0)).await;
    assert_eq!(ok, [(1, 1), (4, 1), (5, 1), (6, 1)]);
    let bad = blocks.stored(&of_class(1)).await;
    assert_eq!(bad, [(2, 1), (2, 2), (3, 1)]);
}

#[tokio::test]
async fn the_received_day_stays_that_of_the_level_0_block() {
    let mut blocks = Blocks::new().await;
    blocks.write(&[span(1, 1)]).await;
    blocks
        .execute("UPDATE level0_blocks SET received_day = 20000")
        .await;
    blocks.write(&[span(1, 2)]).await;
    blocks.compact(CompactionScope::Everything).await;
    let today = "SELECT count(*) FROM level1_blocks
                 WHERE received_day = floor(extract(epoch FROM now()) / 86400)";
    assert_eq!(blocks.count(today).await, 1);
    let day = blocks
        .stored("level1_blocks WHERE received_day = 20000")
        .await;
    assert_eq!(day, [(1, 1)]);
    assert_eq!(blocks.stored("level1_blocks").await.len(), 2);
}

#[tokio::test]
async fn spans_that_arrive_more_than_an_hour_late_have_their_own_blocks() {
    let mut blocks = Blocks::new().await;
    let late = |id| TestSpan {
        received_ns: span(1, id).start_ns + HOUR + 1,
        ..span(1, id)
    };
    blocks
        .write(&[span(1, 1), late(2), span(1, 3), late(4)])
        .await;
    let report = blocks.compact(CompactionScope::Everything).await;
    assert_eq!(report.written_blocks, 2);
    let first = "level1_blocks WHERE id = (SELECT min(id) FROM level1_blocks)";
    assert_eq!(blocks.stored(first).await, [(1, 1), (1, 3)]);
}

#[tokio::test]
async fn a_block_is_full_at_8192_spans() {
    let mut blocks = Blocks::new().await;
    let spans: Vec<_> = (1..=9_000).map(|id| span(1, id)).collect();
    for part in spans.chunks(3_000) {
        blocks.write(part).await;
    }
    let report = blocks.compact(CompactionScope::Everything).await;
    assert_eq!((report.written_blocks, report.moved_spans), (2, 9_000));
    let full = "SELECT max(span_count)::bigint FROM level1_blocks";
    assert_eq!(blocks.count(full).await, 8_192);
    assert_eq!(blocks.stored("level1_blocks").await, ids(&spans));
}

#[tokio::test]
async fn compaction_drops_spans_of_a_removed_trace_and_keeps_its_successor() {
    let mut blocks = Blocks::new().await;
    blocks.write(&[span(1, 1), span(2, 1)]).await;
    blocks.execute("DELETE FROM traces").await;
    // The same id again.
    blocks.write(&[span(2, 2)]).await;
    let report = blocks.compact(CompactionScope::Everything).await;
    assert_eq!((report.moved_spans, report.dropped_spans), (1, 2));
    assert_eq!(blocks.stored("level1_blocks").await, [(2, 2)]);
    assert_eq!(blocks.level0_blocks().await, 0);
    // The new block is not older than the trace.
    let ghosts = "SELECT count(*) FROM level1_blocks JOIN traces ON id < first_block_id";
    assert_eq!(blocks.count(ghosts).await, 0);
}

#[tokio::test]
async fn a_regular_run_waits_until_a_group_is_large_or_old() {
    let mut blocks = Blocks::new().await;
    let nothing = CompactionReport::default();
    blocks.write(&[span(1, 1)]).await;
    assert_eq!(blocks.compact(CompactionScope::Due).await, nothing);
    let age = "UPDATE level0_blocks SET written_at = now() - interval '11 minutes'";
    blocks.execute(age).await;
    let report = blocks.compact(CompactionScope::Due).await;
    assert_eq!(report.replaced_blocks, 1);
    for id in 2..257 {
        blocks.write(&[span(1, id)]).await;
    }
    assert_eq!(blocks.compact(CompactionScope::Due).await, nothing);
    blocks.write(&[span(1, 257)]).await;
    let report = blocks.compact(CompactionScope::Due).await;
    assert_eq!(report.replaced_blocks, 256);
}

#[tokio::test]
async fn compaction_skips_a_damaged_block_reports_it_once_and_moves_the_others() {
    for column in ["columns", "directory"] {
        let mut blocks = Blocks::new().await;
        for id in 1..=3 {
            blocks.write(&[span(id as u128, id)]).await;
        }
        blocks
            .execute(&format!(
                "UPDATE level0_blocks
                 SET {column} = set_byte({column}, 9, get_byte({column}, 9) # 1)
                 WHERE first_trace_id = '{}'",
                Uuid::from_u128(2)
            ))
            .await;
        let report = blocks.compact(CompactionScope::Everything).await;
        assert_eq!((report.replaced_blocks, report.damaged_blocks), (2, 1));
        assert_eq!(blocks.stored("level1_blocks").await, [(1, 1), (3, 3)]);
        assert_eq!(blocks.level0_blocks().await, 1);
        // The damaged block is not taken or reported again, and does not delay others.
        blocks.write(&[span(4, 4)]).await;
        let report = blocks.compact(CompactionScope::Everything).await;
        assert_eq!((report.replaced_blocks, report.damaged_blocks), (1, 0));
        assert_eq!(blocks.level0_blocks().await, 1);
    }
}

#[tokio::test]
async fn compaction_skips_a_block_with_a_damaged_skeleton() {
    let mut blocks = Blocks::new().await;
    blocks.write(&[span(1, 1)]).await;
    blocks.write(&[span(2, 2)]).await;
    blocks
        .execute("UPDATE level0_blocks SET span_ids = '{5}' WHERE span_ids = '{1}'")
        .await;
    let report = blocks.compact(CompactionScope::Everything).await;
    assert_eq!((report.replaced_blocks, report.damaged_blocks), (1, 1));
    assert_eq!(blocks.stored("level1_blocks").await, [(2, 2)]);
}

#[tokio::test]
async fn a_snapshot_has_every_span_once_while_two_compactions_run() {
    let mut blocks = Blocks::new().await;
    let spans: Vec<_> = (1..=200).map(|id| span((id % 9) as u128, id)).collect();
    for part in spans.chunks(10) {
        blocks.write(part).await;
    }
    // A snapshot that is older than the compaction.
    let mut reader = blocks.database.connection().await;
    let mut snapshot = reader.begin().await.expect("begins");
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        .execute(&mut *snapshot)
        .await
        .expect("sets");
    assert_eq!(stored(&mut snapshot, "level0_blocks").await, ids(&spans));
    let mut others = Vec::new();
    for _ in 0..2 {
        let mut connection = blocks.database.connection().await;
        others.push(tokio::spawn(async move {
            let scope = CompactionScope::Everything;
            let run = Compactor::default().run(&mut connection, scope).await;
            run.expect("compacts").moved_spans
        }));
    }
    while !others.iter().all(tokio::task::JoinHandle::is_finished) {
        let mut transaction = blocks.connection.begin().await.expect("begins");
        sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            .execute(&mut *transaction)
            .await
            .expect("sets");
        let mut seen = stored(&mut transaction, "level0_blocks").await;
        seen.extend(stored(&mut transaction, "level1_blocks").await);
        seen.sort_unstable();
        assert_eq!(seen, ids(&spans));
    }
    let mut moved = 0;
    for other in others {
        moved += other.await.expect("runs");
    }
    assert_eq!(moved, 200);
    assert_eq!(stored(&mut snapshot, "level0_blocks").await, ids(&spans));
    assert_eq!(stored(&mut snapshot, "level1_blocks").await, []);
    drop(snapshot);
    assert_eq!(blocks.stored("level1_blocks").await, ids(&spans));
    assert_eq!(blocks.level0_blocks().await, 0);
}

#[tokio::test]
async fn a_compaction_with_a_killed_connection_neither_loses_nor_duplicates_spans() {
    let mut blocks = Blocks::new().await;
    let spans: Vec<_> = (1..=40).map(|id| span((id % 3) as u128, id)).collect();
    for part in spans.chunks(10) {
        blocks.write(part).await;
    }
    blocks
        .execute(
            "CREATE FUNCTION kill() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
             CREATE TRIGGER kill AFTER DELETE ON level0_blocks EXECUTE FUNCTION kill();",
        )
        .await;
    let mut killed = blocks.database.connection().await;
    let scope = CompactionScope::Everything;
    let run = Compactor::default().run(&mut killed, scope).await;
    run.expect_err("is killed after it wrote the new blocks and deleted the old ones");
    assert_eq!(blocks.stored("level0_blocks").await, ids(&spans));
    assert_eq!(blocks.stored("level1_blocks").await, []);
    blocks.execute("DROP TRIGGER kill ON level0_blocks").await;
    // The lock was released with the connection.
    blocks.compact(scope).await;
    assert_eq!(blocks.stored("level1_blocks").await, ids(&spans));
    assert_eq!(blocks.level0_blocks().await, 0);
}
