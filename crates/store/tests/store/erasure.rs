//! Tests that an erasure removes traces from every table and changes nothing else.

mod damage;
mod payloads;
mod races;
mod steps;

use std::sync::Arc;

use sqlx::AssertSqlSafe;
use throughline_model::{StorageGauge, TraceFilter};
use throughline_store::testing::table_digests;
use throughline_store::{ErasureReport, Gauge, SpanGroup, StoreError, WriteBatch};
use throughline_testkit::{Ids, Sent};
use throughline_wire::{LogRecord, Span, TenantId, TraceId};

use crate::support::{Fixture, lone};

async fn try_to_erase(
    fixture: &Fixture,
    traces: &[TraceId],
    is_dry_run: bool,
) -> Result<ErasureReport, StoreError> {
    let no_limits: Gauge = Arc::new(StorageGauge::default);
    erase_within(fixture, traces, is_dry_run, &no_limits).await
}

async fn erase_within(
    fixture: &Fixture,
    traces: &[TraceId],
    is_dry_run: bool,
    gauge: &Gauge,
) -> Result<ErasureReport, StoreError> {
    let store = &fixture.store;
    store
        .erase_traces(TenantId::DEFAULT, traces, is_dry_run, gauge, |_| {})
        .await
}

async fn erase(fixture: &Fixture, traces: &[TraceId]) -> ErasureReport {
    try_to_erase(fixture, traces, false).await.expect("erases")
}

async fn execute(fixture: &Fixture, sql: impl Into<String>) {
    sqlx::raw_sql(AssertSqlSafe(sql.into()))
        .execute(&mut fixture.database.connection().await)
        .await
        .expect("executes");
}

/// Makes the database unable to read the present TOAST values of a table: adds a chunk to each.
async fn break_values(fixture: &Fixture, table: &str) {
    execute(
        fixture,
        format!(
            "SET allow_system_table_mods = on;
             DO $$
             DECLARE
                 toast regclass := (SELECT reltoastrelid FROM pg_class WHERE oid = {table});
             BEGIN
                 UPDATE pg_class SET relkind = 'r' WHERE oid = toast;
                 EXECUTE format(
                     'INSERT INTO %s SELECT chunk_id, 1000, chunk_data FROM %s WHERE chunk_seq = 0',
                     toast, toast
                 );
                 UPDATE pg_class SET relkind = 't' WHERE oid = toast;
             END $$;"
        ),
    )
    .await;
}

async fn compact(fixture: &Fixture) {
    fixture.store.compact_once().await.expect("compacts");
}

const PAYLOADS: &str = "SELECT count(*) FROM payloads";

/// Returns the only span of a trace, with two large values.
fn large(fixture: &Fixture, ids: &mut Ids, values: [&str; 2]) -> Span {
    let span = lone("large", ids).starts(fixture.now);
    span.with("one", values[0].repeat(10_000))
        .with("two", values[1].repeat(10_000))
        .build()
}

/// Returns the only span of a trace.
fn small(fixture: &Fixture, ids: &mut Ids) -> Span {
    lone("small", ids).starts(fixture.now).build()
}

async fn write(fixture: &Fixture, spans: &[&Span]) {
    let sent: Vec<Sent> = spans
        .iter()
        .map(|&span| Sent::by("shop", span.clone()))
        .collect();
    assert_eq!(fixture.write(&sent).await.received, spans.len() as u64);
}

async fn assert_whole(fixture: &Fixture, span: &Span) {
    let trace = fixture.trace(span.trace_id).await;
    assert_eq!(trace.spans.len(), 1);
    assert_eq!(trace.spans[0].span, *span);
}

#[tokio::test]
async fn an_erasure_removes_a_trace_from_every_table_and_nothing_else() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(1);
    let gone = large(&fixture, &mut ids, ["gone", "shared"]);
    let left = large(&fixture, &mut ids, ["left", "shared"]);
    write(&fixture, &[&gone, &left]).await;
    compact(&fixture).await;
    // Both traces have spans in level 0 too, and one of them has its own block.
    let later = lone("later", &mut ids).child_of(&gone).starts(fixture.now);
    let fresh = small(&fixture, &mut ids);
    write(&fixture, &[&later.build(), &fresh]).await;
    let alone = lone("alone", &mut ids).child_of(&gone).starts(fixture.now);
    write(&fixture, &[&alone.build()]).await;
    let event = LogRecord {
        time: fixture.now,
        trace_id: Some(gone.trace_id),
        body: "event".repeat(10_000).into(),
        ..LogRecord::default()
    };
    let group = SpanGroup {
        events: vec![event],
        ..SpanGroup::default()
    };
    let batch = WriteBatch {
        tenant: TenantId::DEFAULT,
        groups: vec![group],
    };
    fixture.store.writer().submit(batch).await.expect("stores");
    execute(
        &fixture,
        format!(
            "INSERT INTO pins SELECT tenant_id, trace_id, 0, '' FROM traces
             WHERE trace_id = '{}'",
            gone.trace_id
        ),
    )
    .await;
    assert_eq!(fixture.count(PAYLOADS).await, 4);

    let before = table_digests(fixture.database.url()).await;
    let dry = try_to_erase(&fixture, &[gone.trace_id], true).await;
    let would = ErasureReport {
        traces: 1,
        blocks: 3,
        ..ErasureReport::default()
    };
    assert_eq!(dry.expect("counts"), would);
    assert_eq!(table_digests(fixture.database.url()).await, before);

    let report = erase(&fixture, &[gone.trace_id]).await;
    assert_eq!(report, ErasureReport { spans: 3, ..would });
    for table in ["pins", "events"] {
        let rows = format!("SELECT count(*) FROM {table}");
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(rows))
            .fetch_one(&mut fixture.database.connection().await)
            .await
            .expect("counts");
        assert_eq!(rows, 0, "{table}");
    }
    let traces_in_blocks = "SELECT count(*) FROM (
            SELECT unnest(trace_ids) FROM level0_blocks
            UNION ALL SELECT unnest(trace_ids) FROM level1_blocks
        ) AS t";
    assert_eq!(fixture.count(traces_in_blocks).await, 2);
    // The payloads that the other trace refers to.
    assert_eq!(fixture.count(PAYLOADS).await, 2);
    assert_whole(&fixture, &left).await;
    assert_whole(&fixture, &fresh).await;
    compact(&fixture).await;
    assert_whole(&fixture, &left).await;
    assert_whole(&fixture, &fresh).await;
    assert_eq!(fixture.list(&TraceFilter::default()).await.len(), 2);
    // The trace is new when it is sent again.
    write(&fixture, &[&gone]).await;
    assert_whole(&fixture, &gone).await;
    assert_eq!(erase(&fixture, &[gone.trace_id]).await.spans, 1);
    let nothing = ErasureReport::default();
    assert_eq!(erase(&fixture, &[gone.trace_id]).await, nothing);
}
