//! Tests that erased traces are gone from every table, and that everything else is as it was.

use std::time::Duration;

use sqlx::AssertSqlSafe;
use throughline_model::TraceFilter;
use throughline_store::testing::{count_spans, table_digests};
use throughline_store::{ErasureReport, SpanGroup, StoreError, WriteBatch};
use throughline_testkit::{Ids, Sent};
use throughline_wire::{LogRecord, Span, TenantId, TraceId};
use tokio::time::sleep;

use crate::support::{Fixture, lone};

async fn try_to_erase(
    fixture: &Fixture,
    traces: &[TraceId],
    is_dry_run: bool,
) -> Result<ErasureReport, StoreError> {
    let store = &fixture.store;
    store
        .erase_traces(TenantId::DEFAULT, traces, is_dry_run, |_| {})
        .await
}

async fn erase(fixture: &Fixture, traces: &[TraceId]) -> ErasureReport {
    try_to_erase(fixture, traces, false).await.expect("erases")
}

async fn execute(fixture: &Fixture, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut fixture.database.connection().await)
        .await
        .expect("executes");
}

async fn compact(fixture: &Fixture) {
    fixture.store.compact_once().await.expect("compacts");
}

/// A span of a trace of its own with two large values.
fn large(fixture: &Fixture, ids: &mut Ids, values: [&str; 2]) -> Span {
    let span = lone("large", ids).starts(fixture.now);
    span.with("one", values[0].repeat(10_000))
        .with("two", values[1].repeat(10_000))
        .build()
}

/// A span of a trace of its own.
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
async fn an_erased_trace_is_gone_from_every_table_and_the_others_are_whole() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(1);
    let gone = large(&fixture, &mut ids, ["gone", "shared"]);
    let left = large(&fixture, &mut ids, ["left", "shared"]);
    write(&fixture, &[&gone, &left]).await;
    compact(&fixture).await;
    // Both have spans in level 0 too, and the one has a block of its own.
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
    let payloads = "SELECT count(*) FROM payloads";
    assert_eq!(fixture.count(payloads).await, 4);

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
    // Those that the other one refers to.
    assert_eq!(fixture.count(payloads).await, 2);
    assert_whole(&fixture, &left).await;
    assert_whole(&fixture, &fresh).await;
    compact(&fixture).await;
    assert_whole(&fixture, &left).await;
    assert_whole(&fixture, &fresh).await;
    assert_eq!(fixture.list(&TraceFilter::default()).await.len(), 2);
    // Sent again it is new.
    write(&fixture, &[&gone]).await;
    assert_whole(&fixture, &gone).await;
    assert_eq!(erase(&fixture, &[gone.trace_id]).await.spans, 1);
    let nothing = ErasureReport::default();
    assert_eq!(erase(&fixture, &[gone.trace_id]).await, nothing);
}

#[tokio::test]
async fn spans_that_come_during_an_erasure_stay() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(2);
    let [gone, left] = [(); 2].map(|()| small(&fixture, &mut ids));
    write(&fixture, &[&gone, &left]).await;
    compact(&fixture).await;
    let mut blocker = fixture.database.connection().await;
    sqlx::raw_sql("BEGIN; SELECT FROM level1_blocks FOR UPDATE")
        .execute(&mut blocker)
        .await
        .expect("locks");
    let traces = [gone.trace_id];
    let erasure = erase(&fixture, &traces);
    tokio::pin!(erasure);
    let until_it_waits = async {
        let waiting = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
            WHERE NOT granted AND locktype = 'transactionid' AND datname = current_database()";
        while fixture.count(waiting).await == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        report = &mut erasure => panic!("the erasure did not wait: {report:?}"),
        () = until_it_waits => {}
    }
    // The row of the trace is gone: this is a trace of its own.
    let again = lone("again", &mut ids).child_of(&gone).starts(fixture.now);
    let again = again.build();
    write(&fixture, &[&again]).await;
    sqlx::raw_sql("COMMIT")
        .execute(&mut blocker)
        .await
        .expect("unlocks");
    assert_eq!(erasure.await.spans, 1);
    assert_whole(&fixture, &again).await;
    assert_whole(&fixture, &left).await;
}

#[tokio::test]
async fn an_erasure_beside_ingest_and_compaction_that_is_killed_ends_the_same() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(3);
    let mut spans: Vec<Span> = (0..60).map(|_| small(&fixture, &mut ids)).collect();
    for part in spans.chunks(6) {
        write(&fixture, &part.iter().collect::<Vec<_>>()).await;
        if part[0].span_id.to_bytes()[7] % 2 == 0 {
            compact(&fixture).await;
        }
    }
    let more: Vec<Span> = (0..20).map(|_| small(&fixture, &mut ids)).collect();
    let traces: Vec<TraceId> = spans.iter().step_by(2).map(|span| span.trace_id).collect();
    let others = async {
        let mut killer = fixture.database.admin().await;
        for span in &more {
            write(&fixture, &[span]).await;
            let killed = sqlx::query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = $1 AND application_name = 'throughline erasure'",
            )
            .bind(fixture.database.name());
            killed.execute(&mut killer).await.expect("kills");
            compact(&fixture).await;
        }
    };
    let erasing = async {
        for _ in 0..10 {
            // Some of these are killed somewhere.
            let _ = try_to_erase(&fixture, &traces, false).await;
        }
    };
    tokio::join!(others, erasing);
    erase(&fixture, &traces).await;
    spans.retain(|span| !traces.contains(&span.trace_id));
    for span in spans.iter().chain(&more) {
        assert_whole(&fixture, span).await;
    }
    let url = fixture.database.url();
    assert_eq!(count_spans(url).await, 50);
    assert_eq!(fixture.list(&TraceFilter::default()).await.len(), 50);
    let in_blocks = "SELECT sum(span_count)::bigint FROM (
            SELECT span_count FROM level0_blocks UNION ALL SELECT span_count FROM level1_blocks
        ) AS b";
    assert_eq!(fixture.count(in_blocks).await, 50);
}

#[tokio::test]
async fn a_damaged_block_is_told_and_the_others_are_rewritten() {
    for damage in [
        "columns = set_byte(columns, 9, get_byte(columns, 9) # 1)",
        "statuses = array_append(statuses, NULL)",
    ] {
        let fixture = Fixture::new().await;
        let mut ids = Ids::seeded(4);
        let gone = small(&fixture, &mut ids);
        write(&fixture, &[&gone]).await;
        execute(&fixture, format!("UPDATE level0_blocks SET {damage}")).await;
        let later = lone("later", &mut ids).child_of(&gone).starts(fixture.now);
        write(&fixture, &[&later.build()]).await;
        let report = erase(&fixture, &[gone.trace_id]).await;
        let expected = ErasureReport {
            traces: 1,
            blocks: 1,
            spans: 1,
            damaged_blocks: 1,
            ..ErasureReport::default()
        };
        assert_eq!(report, expected, "{damage}");
    }
}
