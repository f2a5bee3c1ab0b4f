//! Tests of searches of damaged blocks, and of cancelled searches.

use std::time::Duration;

use throughline_model::{
    AttributeCondition, AttributeOwner, CheckedPredicate, Comparison, PageRequest, SpanField,
    SpanPredicate, TimeRange, TraceFilter, TracePredicate,
};
use throughline_store::StoreOptions;
use throughline_store::testing::search;
use throughline_testkit::{Ids, Sent};
use throughline_wire::{TenantId, UnixNanos};

use crate::counted::CountedMetric;
use crate::support::{Fixture, lone};

fn attribute(owner: AttributeOwner, key: &str, value: &str) -> SpanPredicate {
    let key = key.to_owned();
    SpanPredicate::compare(SpanField::Attribute { owner, key }, Comparison::Eq, value)
}

#[tokio::test]
async fn a_search_reports_a_damaged_block_and_finds_the_other_traces() {
    let reports = CountedMetric::corrupt_blocks();
    let _recorder = metrics::set_default_local_recorder(&reports);
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(290);
    let mut traces = Vec::new();
    for at in 0..2 {
        let span = lone("work", &mut ids).starts(fixture.at_ms(-at)).lasts(7);
        let span = span.error("failed").with("key", "value").build();
        traces.push(span.trace_id);
        fixture.write(&[Sent::by("shop", span)]).await;
    }
    let named = SpanPredicate::compare(SpanField::Name, Comparison::Eq, "work");
    let failed = SpanPredicate::compare(SpanField::Status, Comparison::Eq, "error");
    let message = SpanPredicate::compare(SpanField::StatusMessage, Comparison::Eq, "failed");
    let lasting = SpanPredicate::compare(SpanField::DurationNs, Comparison::Greater, 1_i64);
    let valued = attribute(AttributeOwner::Span, "key", "value");
    let by_resource = attribute(AttributeOwner::Resource, "service.name", "shop");
    let mut connection = fixture.database.connection().await;
    // A damaged membership filter excludes nothing.
    for (change, predicate, is_left_out) in [
        ("trace_ids[1] = md5('x')::uuid", &failed, true),
        ("trace_ends[1] = 2", &failed, true),
        ("operation_indexes[1] = 1", &named, true),
        ("operations[1] = operations[1] + 1", &named, true),
        ("statuses[1] = 1", &failed, true),
        ("messages[1] = 'fehlte'", &message, true),
        ("message_spans[1] = 1", &message, true),
        ("durations[1] = 0", &lasting, true),
        ("resources[1] = resources[1] + 1", &by_resource, true),
        ("scopes[1] = scopes[1] + 1", &valued, true),
        ("has_error = false", &failed, true),
        ("max_duration_ns = 0", &lasting, true),
        ("last_trace_id = md5('x')::uuid", &failed, true),
        ("span_count = 2", &failed, true),
        ("checksums[7] = 0", &failed, true),
        (
            "directory = set_byte(directory, 3, get_byte(directory, 3) # 1)",
            &valued,
            true,
        ),
        (
            "filter = set_byte(filter, 3, get_byte(filter, 3) # 1)",
            &valued,
            false,
        ),
    ] {
        let statement = format!(
            "CREATE TABLE kept AS SELECT * FROM level0_blocks;
             UPDATE level0_blocks SET {change} WHERE id = (SELECT max(id) FROM level0_blocks)"
        );
        let changed = sqlx::raw_sql(sqlx::AssertSqlSafe(statement));
        changed.execute(&mut connection).await.expect("changes");
        let reported = reports.count();
        let predicate = TracePredicate::Has(predicate.clone());
        let predicate = CheckedPredicate::new(predicate).expect("is checked");
        let range = TimeRange::Last(UnixNanos::PER_DAY);
        let page = search(&fixture.store, &predicate, range, PageRequest::default()).await;
        let items = page.expect("searches").items;
        let found: Vec<_> = items.iter().map(|trace| trace.trace_id).collect();
        let expected = if is_left_out { &traces[..1] } else { &traces };
        assert_eq!(found, expected, "{change}");
        assert!(reports.count() > reported, "{change}");
        sqlx::raw_sql(
            "DELETE FROM level0_blocks; INSERT INTO level0_blocks SELECT * FROM kept;
             DROP TABLE kept",
        )
        .execute(&mut connection)
        .await
        .expect("restores");
    }
    let reported = reports.count();
    assert_eq!(fixture.list(&TraceFilter::default()).await.len(), 2);
    assert_eq!(reports.count(), reported);
}

#[tokio::test]
async fn cancelling_a_search_cancels_its_statement() {
    let fixture = Fixture::new().await;
    let span = lone("work", &mut Ids::seeded(291)).starts(fixture.now);
    let span = span.with("key", "value").build();
    fixture.write(&[Sent::by("shop", span.clone())]).await;
    let now = fixture.now;
    let store = fixture.database.store_with(StoreOptions {
        read_timeout: Duration::from_hours(1),
        ..StoreOptions::new(move || now)
    });
    let mut blocker = fixture.database.connection().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE level0_blocks IN ACCESS EXCLUSIVE MODE")
        .execute(&mut blocker)
        .await
        .expect("locks");
    let filter = TraceFilter {
        attributes: vec![AttributeCondition {
            key: "key".to_owned(),
            value: "value".to_owned(),
        }],
        ..TraceFilter::default()
    };
    let reader = store.reader(TenantId::DEFAULT);
    let searched = filter.clone();
    let list = tokio::spawn(async move {
        let page = reader.list_traces(&searched, PageRequest::default()).await;
        page.map(|page| page.items.len())
    });
    let waiting = "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let until = async |count: i64| {
        while fixture.count(waiting).await != count {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    until(1).await;
    list.abort();
    // Only the cancellation ends the statement, because the lock is held until then.
    until(0).await;
    sqlx::raw_sql("ROLLBACK")
        .execute(&mut blocker)
        .await
        .expect("unlocks");
    let reader = store.reader(TenantId::DEFAULT);
    let page = reader.list_traces(&filter, PageRequest::default()).await;
    assert_eq!(page.expect("lists").items.len(), 1);
    store.close().await;
}
