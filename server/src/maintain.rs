//! The commands `throughline retention` and `throughline storage`, which an operator runs once.

use std::sync::Arc;

use anyhow::Result;
use throughline_model::{
    PartitionStep, Removed, RetentionReport, RetentionRules, StorageGauge, StorageReport,
};
use throughline_store::{Gauge, Retain, Rewrite, Store, StoreOptions};
use throughline_viz::format_bytes as size;
use throughline_wire::TenantId;

use crate::cli::{DatabaseOptions, RetentionCommand, StorageCommand};
use crate::clock::Clock;
use crate::printable::Printable;
use crate::serve::Database;
use crate::tasks::{StorageLimits, StorageWatch};

/// Runs `work` on the database of a running server. If no server runs, it opens the database first.
pub(crate) async fn with_store(
    options: &DatabaseOptions,
    rules: RetentionRules,
    work: impl AsyncFnOnce(&Arc<Store>) -> Result<()>,
) -> Result<()> {
    let connect = async |url: &str| {
        let clock = Clock::system();
        let options = StoreOptions {
            rules,
            ..StoreOptions::new(move || clock.now())
        };
        Store::connect(url, options).await
    };
    if options.database_url.is_none() {
        // A running server holds the lock of the folder and writes the URL of its database to this
        // file.
        let running = options.data_dir.path().join("database-url");
        if let Ok(url) = std::fs::read_to_string(running)
            && let Ok(store) = connect(url.trim()).await
        {
            let store = Arc::new(store);
            let done = work(&store).await;
            store.close().await;
            return done;
        }
    }
    let database = Database::open(options).await?;
    let done = async {
        let store = Arc::new(connect(database.url()).await?);
        store.migrate().await?;
        let done = work(&store).await;
        store.close().await;
        done
    }
    .await;
    database.close().await;
    done
}

/// Returns a gauge for the free space on the disk of the private cluster. The free space of any
/// other database is unknown.
pub(crate) fn disk_gauge(database: &DatabaseOptions, reserve_bytes: u64) -> Gauge {
    let limits = StorageLimits {
        budget_bytes: None,
        reserve_bytes,
    };
    let data_dir = database.private_folder();
    Arc::new(move || match &data_dir {
        Some(folder) => limits.disk_gauge(folder),
        None => StorageGauge::default(),
    })
}

/// Runs `throughline retention`: prints what was removed, or what would be removed.
///
/// # Errors
/// An error for the person who started the program.
pub async fn retention(command: RetentionCommand) -> Result<()> {
    let retain = Retain {
        rules: command.rules(),
        now: Clock::system().now(),
        trusts_clock: command.trust_clock,
        rewrite: Rewrite::Now,
        is_dry_run: command.dry_run,
    };
    let gauge = disk_gauge(&command.database, command.disk_reserve.bytes());
    with_store(
        &command.database,
        command.retention.rules(),
        async |store| {
            let report = store.retain_once(retain, &gauge).await?;
            print!("{}", describe_retention(&report));
            Ok(())
        },
    )
    .await
}

/// Runs `throughline storage`: prints the report.
///
/// # Errors
/// An error for the person who started the program.
pub async fn storage(command: StorageCommand) -> Result<()> {
    let rules = RetentionRules::default();
    with_store(&command.database, rules, async |store| {
        let data_dir = command.database.private_folder();
        let watch = StorageWatch::new(Arc::clone(store), command.storage.limits(), data_dir);
        watch.measure().await;
        let gauge = Arc::new(move || watch.gauge());
        let retention_admin = store.retention_admin(TenantId::DEFAULT, rules, gauge);
        let report = retention_admin.storage().await?;
        if command.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            print!("{}", describe_storage(&report));
        }
        Ok(())
    })
    .await
}

fn describe_retention(report: &RetentionReport) -> String {
    let would = if report.is_dry_run {
        "would go"
    } else {
        "gone"
    };
    let mut text = String::new();
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    let traces = |removed: Removed| {
        format!(
            "{} traces of {} spans",
            removed.trace_count, removed.span_count
        )
    };
    line(format!(
        "{would}, without error:            {}",
        traces(report.ok)
    ));
    line(format!(
        "{would}, with error or warning:    {}",
        traces(report.error)
    ));
    if report.budget != Removed::default() {
        line(format!(
            "{would}, for the size budget:      {}",
            traces(report.budget)
        ));
    }
    line(format!(
        "{would}, rollups:                  {}",
        report.rollup_count
    ));
    for change in &report.partitions {
        let step = match change.step {
            PartitionStep::Drop => "drop   ",
            PartitionStep::Rewrite => "rewrite",
        };
        line(format!(
            "  {step} {:<24} {:>10}",
            change.table,
            size(change.freed_bytes)
        ));
    }
    line(format!(
        "{} partitions, {} freed",
        report.partitions.len(),
        size(report.freed_bytes())
    ));
    if report.postponed_days > 0 {
        line(format!(
            "{} days are in use and were skipped; run it again later",
            report.postponed_days
        ));
    }
    text
}

fn describe_storage(report: &StorageReport) -> String {
    let mut text = String::new();
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    let gauge = &report.gauge;
    line(format!("database     {:>10}", size(gauge.used_bytes)));
    if let Some(budget) = gauge.budget_bytes {
        line(format!("budget       {:>10}", size(budget)));
    }
    if let Some(free) = gauge.free_bytes {
        let reserve = size(gauge.reserve_bytes);
        line(format!(
            "free on disk {:>10} (of it {reserve} in reserve)",
            size(free)
        ));
    }
    if let Some(growth) = report.growth_bytes_per_day {
        let sign = if growth < 0 { "-" } else { "" };
        line(format!(
            "growth       {:>10} a day",
            format!("{sign}{}", size(growth.unsigned_abs()))
        ));
    }
    if let Some(days) = report.days_left {
        line(format!(
            "the budget is used up in {days} days at this growth"
        ));
    }
    if let Some(reason) = &report.retention_refusal {
        line(format!(
            "retention removes nothing by age: {}",
            Printable(reason)
        ));
    }
    if report.is_stuck {
        line(
            "the budget is nearly used up, and retention can remove too little early; raise \
             --storage-budget"
                .to_owned(),
        );
    }
    line(String::new());
    for (name, bytes) in report.space.parts() {
        line(format!("{name:<24}{:>10}", size(bytes)));
    }
    line(format!(
        "retention may free {} of it early, to stay within a budget",
        size(report.space.prunable_bytes)
    ));
    line(String::new());
    line(format!(
        "{:<24}{:>10}{:>10}{:>10}{:>14}",
        "table", "rows", "indexes", "long", "rows, about"
    ));
    for table in &report.tables {
        line(format!(
            "{:<24}{:>10}{:>10}{:>10}{:>14}",
            table.table,
            size(table.heap_bytes),
            size(table.index_bytes),
            size(table.toast_bytes),
            table.row_estimate
        ));
    }
    for (title, shares) in [
        ("operation", &report.by_operation),
        ("attribute", &report.by_attribute),
    ] {
        line(format!(
            "\n{title}, estimated from {} spans",
            report.sampled_spans
        ));
        for share in shares.iter().take(15) {
            let service = share.service.as_deref().unwrap_or_default();
            line(format!(
                "{:>10}  {} {}",
                size(share.byte_count),
                Printable(service),
                Printable(&share.name)
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use throughline_model::{PartitionChange, Share, SpaceUse, StorageGauge, StorageLevel};

    use super::*;

    #[test]
    fn retention_and_storage_reports_are_printed_as_tables() {
        let report = RetentionReport {
            is_dry_run: true,
            ok: Removed {
                trace_count: 2,
                span_count: 5,
            },
            partitions: vec![PartitionChange {
                table: "spans_20261101".to_owned(),
                step: PartitionStep::Drop,
                freed_bytes: 12_000,
            }],
            ..RetentionReport::default()
        };
        let text = describe_retention(&report);
        for part in [
            "would go",
            "2 traces of 5 spans",
            "spans_20261101",
            "12.0 kB",
        ] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
    }

    #[test]
    fn names_from_senders_cannot_forge_lines_and_estimates_are_marked() {
        let share = |name: &str| Share {
            service: Some("shop\u{1b}[31m".to_owned()),
            name: name.to_owned(),
            byte_count: 1,
        };
        let report = StorageReport {
            gauge: StorageGauge::default(),
            level: StorageLevel::default(),
            space: SpaceUse::default(),
            is_stuck: false,
            retention_refusal: Some("the clock\r".to_owned()),
            tables: Vec::new(),
            days: Vec::new(),
            growth_bytes_per_day: None,
            days_left: None,
            sampled_spans: 1,
            by_operation: vec![share("GET /\r\ndatabase 0 B\u{9b}2J")],
            by_attribute: vec![share("key\u{1b}]0;title\u{7}")],
        };
        let text = describe_storage(&report);
        let raw = |char: char| char.is_control() && char != '\n';
        assert!(!text.contains(raw), "{text:?}");
        assert!(text.contains(r"GET /\r\ndatabase 0 B\u{9b}2J"), "{text}");
        assert!(text.contains("rows, about"), "{text}");
    }
}
