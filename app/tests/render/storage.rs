//! Tests of `/storage`.

use throughline_model::{
    DaySize, ReadError, Share, SpaceUse, StorageGauge, StorageLevel, StorageReport, TableSize,
};
use throughline_testkit::{FakeReader, FakeRetentionAdmin, NOW};

use crate::page::get_with;

fn table(name: &str, heap_bytes: u64, partitions: Vec<TableSize>) -> TableSize {
    TableSize {
        table: name.to_owned(),
        heap_bytes,
        index_bytes: 500_000,
        toast_bytes: 0,
        row_estimate: 10,
        partitions,
    }
}

fn report(used_bytes: u64) -> StorageReport {
    let gauge = StorageGauge {
        used_bytes,
        reusable_bytes: 0,
        budget_bytes: Some(20_000_000_000),
        free_bytes: Some(50_000_000_000),
        reserve_bytes: 5_000_000_000,
    };
    StorageReport {
        gauge,
        level: gauge.level(),
        space: SpaceUse {
            dictionaries_bytes: 123_000_000,
            prunable_bytes: 45_000_000,
            ..SpaceUse::default()
        },
        is_stuck: false,
        retention_refusal: None,
        tables: vec![
            table(
                "level1_blocks",
                7_500_000,
                vec![
                    table("level1_blocks_20261121_ok", 6_000_000, vec![]),
                    table("level1_blocks_20261121_error", 1_000_000, vec![]),
                ],
            ),
            table("traces", 1_000_000, vec![]),
        ],
        days: vec![DaySize {
            day: NOW,
            byte_count: used_bytes,
        }],
        growth_bytes_per_day: Some(250_000_000),
        days_left: Some(40),
        sampled_spans: 5_120,
        by_operation: vec![Share {
            service: Some("shop".to_owned()),
            name: "<b>POST</b> /orders".to_owned(),
            byte_count: 3_000_000,
        }],
        by_attribute: vec![Share {
            service: None,
            name: "db.query.text".to_owned(),
            byte_count: 2_000_000,
        }],
    }
}

async fn text(retention_admin: FakeRetentionAdmin) -> (u16, String, String) {
    let answer = get_with("/storage", FakeReader::new(Vec::new()), retention_admin).await;
    (answer.status, answer.text(), answer.html)
}

#[tokio::test]
async fn tables_operations_attributes_and_growth_are_in_the_first_paint() {
    let (status, text, html) = text(FakeRetentionAdmin::new(Ok(report(10_000_000_000)))).await;
    assert_eq!(status, 200);
    for part in [
        "10.0 GB",
        "20.0 GB",
        "50 % used",
        "5.0 GB in reserve",
        "+250 MB a day",
        "40 days",
        "Spans by day 2026-11-218.0 MB",
        "<b>POST</b> /orders",
        "estimated from 5,120 spans",
        "db.query.text",
        "dictionaries",
        "123 MB",
        "45.0 MB can be deleted early",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(!html.contains("<b>POST"), "names are text");
    assert!(!text.contains("running low"));
}

#[tokio::test]
async fn a_banner_says_when_the_disk_fills_up() {
    for (used, level, part) in [
        (
            16_000_000_000,
            StorageLevel::Near,
            "Disk space is running low",
        ),
        (
            17_000_000_000,
            StorageLevel::Pruning,
            "The oldest data is being deleted",
        ),
        (18_000_000_000, StorageLevel::Full, "Storage is full"),
    ] {
        let report = report(used);
        assert_eq!(report.level, level);
        let (_, text, _) = text(FakeRetentionAdmin::new(Ok(report))).await;
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}

#[tokio::test]
async fn a_banner_says_when_an_early_deletion_would_not_help() {
    for (used, title) in [
        (17_000_000_000, "The budget is nearly used up"),
        (18_000_000_000, "Storage is full"),
    ] {
        let report = StorageReport {
            is_stuck: true,
            ..report(used)
        };
        let (_, text, _) = text(FakeRetentionAdmin::new(Ok(report))).await;
        for part in [title, "that would not help", "raise the budget"] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
    }
}

#[tokio::test]
async fn a_banner_says_why_retention_removes_nothing() {
    let report = StorageReport {
        retention_refusal: Some("the clock shows <i>2031</i>".to_owned()),
        ..report(10_000_000_000)
    };
    let (_, text, _) = text(FakeRetentionAdmin::new(Ok(report))).await;
    for part in ["Nothing is deleted by age", "the clock shows <i>2031</i>"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}

#[tokio::test]
async fn an_empty_database_and_one_that_is_away_are_said() {
    let (status, empty, _) = text(FakeRetentionAdmin::empty()).await;
    assert_eq!(status, 200);
    assert!(empty.contains("Nothing is stored yet."), "{empty}");
    let (status, away, _) = text(FakeRetentionAdmin::new(Err(ReadError::Unavailable))).await;
    assert_eq!(status, 503);
    assert!(away.contains("Cannot connect to the database"), "{away}");
}
