//! Tests that payloads are removed with the last span that refers to them, or that the report says
//! why they stay.

use throughline_store::ErasureReport;
use throughline_testkit::Ids;
use throughline_wire::Span;

use super::{PAYLOADS, break_values, compact, erase, execute, large, try_to_erase, write};
use crate::support::Fixture;

const MARKED: &str = "SELECT count(*) FROM erased_payload_days";

/// The report of the erasure of a span in its own block.
const ERASED: ErasureReport = ErasureReport {
    traces: 1,
    blocks: 1,
    spans: 1,
    damaged_blocks: 0,
    postponed_days: 0,
    damaged_days: 0,
    oversized_days: 0,
};

/// Stores a span with two large values.
async fn stored(fixture: &Fixture, seed: u64) -> Span {
    let span = large(fixture, &mut Ids::seeded(seed), ["one", "two"]);
    write(fixture, &[&span]).await;
    span
}

/// Makes every statement of one kind fail in this database.
async fn fail_at(fixture: &Fixture, tag: &str, code: &str) {
    execute(
        fixture,
        format!(
            "CREATE FUNCTION fail() RETURNS event_trigger LANGUAGE plpgsql AS $$
             BEGIN RAISE EXCEPTION 'injected' USING ERRCODE = '{code}'; END $$;
             CREATE EVENT TRIGGER fail ON ddl_command_end WHEN TAG IN ('{tag}')
                 EXECUTE FUNCTION fail();"
        ),
    )
    .await;
}

/// Asserts that no payload is left after the erasure of any trace.
async fn assert_next_one_frees_them(fixture: &Fixture) {
    let report = erase(fixture, &[Ids::seeded(99).trace_id()]).await;
    assert_eq!(report, ErasureReport::default());
    assert_eq!(fixture.count(PAYLOADS).await, 0);
    assert_eq!(fixture.count(MARKED).await, 0);
}

#[tokio::test]
async fn payloads_left_by_an_interrupted_erasure_are_removed_by_the_next_one() {
    let fixture = Fixture::new().await;
    let gone = stored(&fixture, 1).await;
    fail_at(&fixture, "DROP TABLE", "P0001").await;
    try_to_erase(&fixture, &[gone.trace_id], false)
        .await
        .expect_err("is injected");
    let blocks = "SELECT count(*) FROM level0_blocks";
    assert_eq!(fixture.count(blocks).await, 0);
    // The table was taken out and could not be dropped.
    assert_eq!(fixture.count(PAYLOADS).await, 0);
    let taken_out = r"SELECT count(*) FROM pg_class WHERE relname LIKE 'payloads\_%\_gone'";
    assert_eq!(fixture.count(taken_out).await, 1);
    execute(&fixture, "DROP EVENT TRIGGER fail").await;
    assert_next_one_frees_them(&fixture).await;
    assert_eq!(fixture.count(taken_out).await, 0);
}

#[tokio::test]
async fn a_table_copy_left_by_an_erasure_does_not_block_the_next_one() {
    let fixture = Fixture::new().await;
    let gone = stored(&fixture, 2).await;
    // A kept payload, so that the table is copied.
    let mut ids = Ids::seeded(3);
    let left = large(&fixture, &mut ids, ["left", "one"]);
    write(&fixture, &[&left]).await;
    execute(
        &fixture,
        "DO $$ BEGIN EXECUTE format('CREATE TABLE %s_kept ()', (
             SELECT tableoid::regclass FROM payloads LIMIT 1
         )); END $$",
    )
    .await;
    assert_eq!(erase(&fixture, &[gone.trace_id]).await, ERASED);
    assert_eq!(fixture.count(PAYLOADS).await, 2);
}

#[tokio::test]
async fn payloads_of_spans_that_compaction_dropped_are_removed_by_the_next_erasure() {
    let fixture = Fixture::new().await;
    let gone = stored(&fixture, 4).await;
    execute(
        &fixture,
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN RAISE EXCEPTION 'injected'; END $$;
         CREATE TRIGGER fail BEFORE DELETE ON level0_blocks EXECUTE FUNCTION fail();",
    )
    .await;
    // The erasure fails between the trace rows and the blocks.
    try_to_erase(&fixture, &[gone.trace_id], false)
        .await
        .expect_err("is injected");
    assert_eq!(fixture.count("SELECT count(*) FROM traces").await, 0);
    execute(&fixture, "DROP TRIGGER fail ON level0_blocks").await;
    compact(&fixture).await;
    assert_eq!(fixture.count(PAYLOADS).await, 2);
    assert_next_one_frees_them(&fixture).await;
}

#[tokio::test]
async fn payloads_of_spans_without_a_trace_row_are_removed() {
    let fixture = Fixture::new().await;
    let gone = stored(&fixture, 5).await;
    // The state after retention: the trace is removed, its spans stay until their partition is
    // dropped.
    execute(&fixture, "DELETE FROM traces").await;
    let expected = ErasureReport {
        traces: 0,
        ..ERASED
    };
    assert_eq!(erase(&fixture, &[gone.trace_id]).await, expected);
    assert_eq!(fixture.count(PAYLOADS).await, 0);
}

#[tokio::test]
async fn payloads_stay_while_a_block_that_may_refer_to_them_is_damaged() {
    let fixture = Fixture::new().await;
    stored(&fixture, 6).await;
    for damage in [
        "columns = set_byte(columns, 9, get_byte(columns, 9) # 1)",
        "statuses = array_append(statuses, NULL)",
    ] {
        execute(&fixture, format!("UPDATE level0_blocks SET {damage}")).await;
        let gone = stored(&fixture, 7).await;
        let expected = ErasureReport {
            damaged_days: 1,
            ..ERASED
        };
        assert_eq!(erase(&fixture, &[gone.trace_id]).await, expected);
        assert_eq!(fixture.count(PAYLOADS).await, 2);
    }
    execute(&fixture, "DELETE FROM level0_blocks").await;
    assert_next_one_frees_them(&fixture).await;
}

#[tokio::test]
async fn payloads_stay_while_the_database_cannot_read_their_table() {
    let fixture = Fixture::new().await;
    let gone = stored(&fixture, 8).await;
    let left = large(&fixture, &mut Ids::seeded(9), ["left", "one"]);
    write(&fixture, &[&left]).await;
    fail_at(&fixture, "CREATE TABLE", "XX001").await;
    let expected = ErasureReport {
        damaged_days: 1,
        ..ERASED
    };
    assert_eq!(erase(&fixture, &[gone.trace_id]).await, expected);
    assert_eq!(fixture.count(PAYLOADS).await, 3);
}

/// The references of event `n` to 10,000 values: a version, and for each a body of one byte, no filter
/// entry, and a hash.
const REFERENCES: &str = "(
    SELECT '\\x01'::bytea || string_agg(
        '\\x03010000000000000000'::bytea || decode(md5((n * 10000 + k)::text), 'hex'), ''::bytea
    )
    FROM generate_series(1, 10000) AS k
)";

#[tokio::test]
async fn payloads_stay_while_an_event_that_may_refer_to_them_is_damaged() {
    let expected = ErasureReport {
        damaged_days: 1,
        ..ERASED
    };
    let fixture = Fixture::new().await;
    let gone = stored(&fixture, 10).await;
    insert_events(&fixture, 1, "'\\xff'::bytea").await;
    assert_eq!(erase(&fixture, &[gone.trace_id]).await, expected);
    let fixture = Fixture::new().await;
    let gone = stored(&fixture, 10).await;
    insert_events(&fixture, 1, REFERENCES).await;
    break_values(&fixture, "(SELECT tableoid FROM events LIMIT 1)").await;
    assert_eq!(erase(&fixture, &[gone.trace_id]).await, expected);
    assert_eq!(fixture.count(PAYLOADS).await, 2);
}

#[tokio::test]
async fn payloads_stay_while_the_references_exceed_the_memory_limit() {
    let fixture = Fixture::new().await;
    let gone = stored(&fixture, 11).await;
    insert_events(&fixture, 51, REFERENCES).await;
    let expected = ErasureReport {
        oversized_days: 1,
        ..ERASED
    };
    assert_eq!(erase(&fixture, &[gone.trace_id]).await, expected);
    assert_eq!(fixture.count(PAYLOADS).await, 2);
    execute(&fixture, "DELETE FROM events").await;
    assert_next_one_frees_them(&fixture).await;
}

/// Inserts events without a trace that refer to payloads. The expression gives the references of
/// event `n`.
async fn insert_events(fixture: &Fixture, count: i64, payloads: &str) {
    let now = fixture.now.get();
    execute(
        fixture,
        format!(
            "INSERT INTO events (tenant_id, at_ns, received_ns, digest, resource_id, scope_id,
                 severity, payloads)
             SELECT throughline_tenant(), {now}, {now}, n, 1, 1, 9, {payloads}
             FROM generate_series(1, {count}) AS n"
        ),
    )
    .await;
}
