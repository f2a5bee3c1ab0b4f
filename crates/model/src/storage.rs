//! The storage report: the size of the database by table, operation and attribute, and its growth.

use serde::{Deserialize, Serialize};
use throughline_wire::UnixNanos;

/// The state of the database against its size limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StorageLevel {
    /// There is enough space.
    #[default]
    Ok,
    /// 80 % of the budget is used, or less than twice the reserve is free on the disk.
    Near,
    /// 85 % of the budget is used. Retention removes the oldest data before its time, if that helps.
    Pruning,
    /// 90 % of the budget is used, or less than the reserve is free. Ingest is stopped.
    Full,
}

/// The size of the database and its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StorageGauge {
    /// The size of the database in bytes, without the write-ahead log.
    pub used_bytes: u64,
    /// The estimated bytes of it that new rows can use again; the budget does not count them. 0
    /// until 80 % of the budget is used.
    pub reusable_bytes: u64,
    /// The size budget in bytes; `None` if none is configured.
    pub budget_bytes: Option<u64>,
    /// The free bytes on the disk of the data directory; `None` if the database runs on another
    /// host.
    pub free_bytes: Option<u64>,
    /// The bytes that stay free on that disk, for the write-ahead log and for freeing space.
    pub reserve_bytes: u64,
}

impl StorageGauge {
    /// Returns the more severe of the levels of the budget and of the disk.
    pub fn level(&self) -> StorageLevel {
        self.budget_level().max(self.disk_level())
    }

    /// Returns the level of the budget.
    pub fn budget_level(&self) -> StorageLevel {
        match self.percent(self.counted_bytes()) {
            0..NEAR_PERCENT => StorageLevel::Ok,
            NEAR_PERCENT..PRUNING_PERCENT => StorageLevel::Near,
            PRUNING_PERCENT..FULL_PERCENT => StorageLevel::Pruning,
            _ => StorageLevel::Full,
        }
    }

    /// Returns the level of the disk, which other programs may fill too.
    pub const fn disk_level(&self) -> StorageLevel {
        match self.free_bytes {
            Some(free) if free < self.reserve_bytes => StorageLevel::Full,
            Some(free) if free < self.reserve_bytes.saturating_mul(2) => StorageLevel::Near,
            _ => StorageLevel::Ok,
        }
    }

    /// Returns the bytes that count for the budget.
    pub const fn counted_bytes(&self) -> u64 {
        self.used_bytes.saturating_sub(self.reusable_bytes)
    }

    /// Returns whether the removal of `prunable_bytes` brings the database below 85 % of its budget,
    /// or, if ingest is stopped, at least below 90 %, so that ingest resumes.
    pub fn is_helped_by(&self, prunable_bytes: u64) -> bool {
        let goal = match self.budget_level() {
            StorageLevel::Full => FULL_PERCENT,
            _ => PRUNING_PERCENT,
        };
        self.percent(self.counted_bytes().saturating_sub(prunable_bytes)) < goal
    }

    /// Returns whether data should be removed early, and the removal of all `prunable_bytes` does not
    /// help.
    pub fn is_stuck(&self, prunable_bytes: u64) -> bool {
        self.budget_level() >= StorageLevel::Pruning && !self.is_helped_by(prunable_bytes)
    }

    /// Returns the bytes that a copy of rows may take: half of the free space.
    pub fn copy_bytes(&self) -> u64 {
        self.free_bytes.map_or(u64::MAX, |free| free / 2)
    }

    /// Returns whether half of the disk reserve is free. Deleting and moving rows needs space,
    /// because Postgres writes to the WAL first. Ingest stops when the whole reserve is reached, so
    /// retention can still free a full disk.
    pub fn may_rewrite(&self) -> bool {
        self.free_bytes
            .is_none_or(|free| free >= self.reserve_bytes / 2)
    }

    /// Returns the share of the budget, 0 without a budget.
    fn percent(&self, bytes: u64) -> u128 {
        self.budget_bytes.map_or(0, |budget| {
            u128::from(bytes) * 100 / u128::from(budget.max(1))
        })
    }
}

/// The shares of the budget at which the levels begin.
const NEAR_PERCENT: u128 = 80;
const PRUNING_PERCENT: u128 = 85;
const FULL_PERCENT: u128 = 90;

/// The use of the space of the database, in bytes. The parts do not overlap. Free space inside of
/// tables is an estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SpaceUse {
    /// Spans, events and payloads of past days.
    pub past_days_bytes: u64,
    /// Spans, events and payloads of today, and level 0.
    pub today_bytes: u64,
    /// The rows of traces, running spans and processes.
    pub traces_bytes: u64,
    /// Rollups.
    pub rollups_bytes: u64,
    /// Services, operations, resources and scopes.
    pub dictionaries_bytes: u64,
    /// Space of removed rows that new rows can use.
    pub reusable_bytes: u64,
    /// All other tables and the catalogue of the database.
    pub other_bytes: u64,
    /// The part of all these that retention can remove early to stay within the size budget. Pinned
    /// traces, today and dictionaries are not in it.
    pub prunable_bytes: u64,
}

impl SpaceUse {
    /// Returns the name and the bytes of each part.
    pub const fn parts(&self) -> [(&'static str, u64); 7] {
        [
            ("past days", self.past_days_bytes),
            ("today", self.today_bytes),
            ("rows of traces", self.traces_bytes),
            ("rollups", self.rollups_bytes),
            ("dictionaries", self.dictionaries_bytes),
            ("reusable", self.reusable_bytes),
            ("other", self.other_bytes),
        ]
    }
}

/// The storage report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StorageReport {
    /// The size and its limits.
    pub gauge: StorageGauge,
    /// The level that results from `gauge`.
    pub level: StorageLevel,
    /// The use of the space.
    pub space: SpaceUse,
    /// True if retention should remove data early, and nothing that it may remove brings the
    /// database below the limit. Then it removes nothing early.
    pub is_stuck: bool,
    /// The reason why retention removes nothing by age: it does not trust the clock. `None` if it
    /// does.
    pub retention_refusal: Option<String>,
    /// The size of each table, largest first.
    pub tables: Vec<TableSize>,
    /// The size of the database at the end of each of the last days, oldest first.
    pub days: Vec<DaySize>,
    /// The average growth over those days, in bytes per day; `None` with fewer than two days.
    pub growth_bytes_per_day: Option<i64>,
    /// The number of days until the budget is used up at that growth; `None` if it never is.
    pub days_left: Option<u64>,
    /// The number of spans that the two tables below are estimated from.
    pub sampled_spans: u64,
    /// The estimated bytes of spans by operation, largest first.
    pub by_operation: Vec<Share>,
    /// The estimated bytes of attributes by key, before compression, largest first.
    pub by_attribute: Vec<Share>,
}

impl StorageReport {
    /// The maximum number of rows of each estimate.
    pub const MAX_SHARES: usize = 50;
}

/// The size of a table, its partitions included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSize {
    /// The name of the table.
    pub table: String,
    /// The bytes of its rows.
    pub heap_bytes: u64,
    /// The bytes of its indexes.
    pub index_bytes: u64,
    /// The bytes of values that are too long for their rows (TOAST).
    pub toast_bytes: u64,
    /// The number of rows, as the database estimates it.
    pub row_estimate: u64,
    /// The size of each partition, newest first; empty for a table without partitions.
    pub partitions: Vec<TableSize>,
}

impl TableSize {
    /// Returns the total size in bytes.
    pub const fn total_bytes(&self) -> u64 {
        self.heap_bytes + self.index_bytes + self.toast_bytes
    }
}

/// The size of the database on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaySize {
    /// The first instant of the day.
    #[serde(rename = "day_ns")]
    pub day: UnixNanos,
    /// The size in bytes at the last measurement of the day.
    pub byte_count: u64,
}

/// The share of one operation or attribute in the storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The service of an operation; `None` for an attribute.
    pub service: Option<String>,
    /// The name of the operation, or the key of the attribute.
    pub name: String,
    /// The estimated bytes.
    pub byte_count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauge(used: u64, budget: Option<u64>, free: Option<u64>) -> StorageGauge {
        StorageGauge {
            used_bytes: used,
            reusable_bytes: 0,
            budget_bytes: budget,
            free_bytes: free,
            reserve_bytes: 100,
        }
    }

    #[test]
    fn a_level_is_the_graver_of_budget_and_disk() {
        for (gauge, level) in [
            (gauge(1_000, None, None), StorageLevel::Ok),
            (gauge(799, Some(1_000), None), StorageLevel::Ok),
            (gauge(800, Some(1_000), Some(500)), StorageLevel::Near),
            (gauge(850, Some(1_000), None), StorageLevel::Pruning),
            (gauge(900, Some(1_000), None), StorageLevel::Full),
            (gauge(1, Some(0), None), StorageLevel::Full),
            (gauge(0, None, Some(200)), StorageLevel::Ok),
            (gauge(0, None, Some(199)), StorageLevel::Near),
            (gauge(0, None, Some(100)), StorageLevel::Near),
            (gauge(0, Some(1_000), Some(99)), StorageLevel::Full),
        ] {
            assert_eq!(gauge.level(), level, "{gauge:?}");
        }
    }

    #[test]
    fn reusable_space_and_the_disk_do_not_count_for_the_budget() {
        let dusty = StorageGauge {
            reusable_bytes: 300,
            ..gauge(1_000, Some(1_000), Some(0))
        };
        assert_eq!(dusty.budget_level(), StorageLevel::Ok);
        assert_eq!(dusty.level(), StorageLevel::Full);
    }

    #[test]
    fn removal_helps_if_it_ends_below_the_limit_that_is_reached() {
        for (used, prunable, is_helped) in [
            (850, 0, false),
            (850, 1, true),
            (899, 49, false),
            (899, 50, true),
            // Ingest is stopped: it is enough that it resumes.
            (900, 0, false),
            (900, 1, true),
            (2_000, 1_100, false),
            (2_000, 1_101, true),
        ] {
            let gauge = gauge(used, Some(1_000), None);
            assert_eq!(gauge.is_helped_by(prunable), is_helped, "{used} {prunable}");
            assert_eq!(gauge.is_stuck(prunable), !is_helped, "{used} {prunable}");
        }
        assert!(!gauge(849, Some(1_000), None).is_stuck(0));
        assert!(!gauge(849, None, Some(0)).is_stuck(0));
    }

    #[test]
    fn rows_are_moved_on_a_full_disk_until_half_of_the_reserve_is_used() {
        let gauge = |free| StorageGauge {
            used_bytes: 1 << 40,
            budget_bytes: None,
            reusable_bytes: 0,
            free_bytes: free,
            reserve_bytes: 1_000,
        };
        assert_eq!(gauge(Some(999)).level(), StorageLevel::Full);
        assert!(gauge(Some(999)).may_rewrite());
        assert!(!gauge(Some(499)).may_rewrite());
        assert!(gauge(None).may_rewrite());
    }
}
