//! Tests of the retention API: pins, manual runs and the storage report.

use std::sync::Arc;

use throughline_model::{
    CleanUp, PartitionStep, RetentionAdmin, RetentionRules, StorageGauge, StorageLevel,
};
use throughline_testkit::Ids;
use throughline_wire::TenantId;

use super::support::{Aged, DAY};

fn retention_admin(aged: &Aged, tenant: TenantId) -> Arc<dyn RetentionAdmin> {
    let gauge = Arc::new(|| StorageGauge {
        budget_bytes: Some(1),
        ..StorageGauge::default()
    });
    let store = &aged.fixture.store;
    store.retention_admin(tenant, RetentionRules::default(), gauge)
}

#[tokio::test]
async fn a_trace_is_pinned_with_a_note_and_unpinned() {
    let mut aged = Aged::new().await;
    let trace_id = aged.trace(0, false).await;
    let retention_admin = retention_admin(&aged, TenantId::DEFAULT);
    let unknown = Ids::seeded(1).trace_id();
    assert_eq!(retention_admin.pin(unknown, String::new()).await, Ok(None));
    for note in ["look at this", "or that"] {
        let pin = retention_admin
            .pin(trace_id, note.to_owned())
            .await
            .expect("pins");
        let pin = pin.expect("is there");
        assert_eq!(pin.note, note);
        let read = retention_admin.pin_of(trace_id).await.expect("reads");
        assert_eq!(read.expect("is pinned").note, note);
    }
    let pins = retention_admin.list_pins().await.expect("lists");
    assert_eq!(pins.len(), 1);
    assert_eq!(
        (pins[0].trace_id, pins[0].note.as_str()),
        (trace_id, "or that")
    );
    assert_eq!(retention_admin.unpin(trace_id).await, Ok(true));
    assert_eq!(retention_admin.unpin(trace_id).await, Ok(false));
    assert_eq!(retention_admin.pin_of(trace_id).await, Ok(None));
    assert_eq!(retention_admin.list_pins().await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_manual_retention_run_takes_an_age_and_affects_one_tenant() {
    let mut aged = Aged::new().await;
    let kept = aged.trace(0, false).await;
    let gone = aged.trace(3, true).await;
    aged.compact().await;
    let request = |days: i64, is_dry_run| CleanUp {
        older_than_ns: Some(days * DAY),
        is_dry_run,
    };
    let stranger = TenantId::from_bytes([9; 16]);
    let nothing = retention_admin(&aged, stranger)
        .clean_up(request(2, false))
        .await;
    assert_eq!(nothing.expect("runs").error.trace_count, 0);
    let retention_admin = retention_admin(&aged, TenantId::DEFAULT);
    let dry = retention_admin
        .clean_up(request(2, true))
        .await
        .expect("tells");
    assert_eq!((dry.is_dry_run, dry.error.trace_count), (true, 1));
    aged.assert_left(&[kept, gone]).await;
    let wet = retention_admin
        .clean_up(request(2, false))
        .await
        .expect("runs");
    assert_eq!(wet.error.trace_count, 1);
    assert!(wet.freed_bytes() > 0);
    aged.assert_left(&[kept]).await;
}

#[tokio::test]
async fn the_storage_report_names_tables_operations_attributes_and_growth() {
    let mut aged = Aged::new().await;
    for days in 0..3 {
        aged.trace(days, false).await;
    }
    aged.compact().await;
    aged.trace(0, false).await;
    let mut lead = aged.lead().await;
    for days in [-2, -1, 0] {
        let then = aged.noon.saturating_add(days * DAY);
        lead.note_size(then).await.expect("notes");
    }
    let report = retention_admin(&aged, TenantId::DEFAULT)
        .storage()
        .await
        .expect("reads");
    assert!(report.gauge.used_bytes > 1_000_000);
    assert_eq!(report.level, StorageLevel::Full);
    assert_eq!(report.days.len(), 3);
    assert!(report.growth_bytes_per_day.is_some());
    let table = |name: &str| report.tables.iter().find(|table| table.table == name);
    let level0 = table("level0_blocks").expect("is there");
    let level1 = table("level1_blocks").expect("is there");
    assert_eq!(level1.partitions.len(), 3);
    assert!(level1.heap_bytes > 0 && level1.index_bytes > 0 && level0.toast_bytes > 0);
    assert!(table("traces").is_some() && table("rollups").is_some());
    assert_eq!(report.sampled_spans, 8);
    let names: Vec<_> = report
        .by_operation
        .iter()
        .map(|share| share.name.as_str())
        .collect();
    assert!(
        names.contains(&"root") && names.contains(&"child"),
        "{names:?}"
    );
    let total: u64 = report
        .by_operation
        .iter()
        .map(|share| share.byte_count)
        .sum();
    assert!(
        total.abs_diff(level0.total_bytes() + level1.total_bytes()) <= 10,
        "shares of the bytes of the tables"
    );
}

#[tokio::test]
async fn a_manual_run_copies_nothing_that_the_disk_has_no_space_for() {
    let mut aged = Aged::new().await;
    let pinned = aged.trace(4, false).await;
    aged.trace(4, false).await;
    aged.trace(3, false).await;
    aged.compact().await;
    let rules = RetentionRules::default();
    let at = |free_bytes, reserve_bytes| {
        let gauge = StorageGauge {
            free_bytes: Some(free_bytes),
            reserve_bytes,
            ..StorageGauge::default()
        };
        let store = &aged.fixture.store;
        store.retention_admin(TenantId::DEFAULT, rules, Arc::new(move || gauge))
    };
    let request = CleanUp {
        older_than_ns: Some(2 * DAY),
        is_dry_run: false,
    };
    let pin = at(u64::MAX, 0).pin(pinned, String::new()).await;
    pin.expect("pins").expect("is there");

    let refused = at(499, 1_000)
        .clean_up(request)
        .await
        .expect_err("no space");
    assert!(refused.to_string().contains("disk reserve"), "{refused}");
    assert_eq!(aged.stored_spans().await.len(), 3);

    // Dropping a day needs no space.
    let steps = async |free_bytes| {
        let report = at(free_bytes, 0).clean_up(request).await.expect("runs");
        let blocks = report.partitions.into_iter();
        let blocks = blocks.filter(|change| change.table.starts_with("level1"));
        blocks.map(|change| change.step).collect::<Vec<_>>()
    };
    assert_eq!(steps(1_000).await, [PartitionStep::Drop]);
    assert_eq!(steps(u64::MAX).await, [PartitionStep::Rewrite]);
    assert_eq!(steps(u64::MAX).await, []);
    aged.assert_left(&[pinned]).await;
}
