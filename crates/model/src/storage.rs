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
    /// 85 % of the budget is used, or less than 1.5 times the reserve is free. With a budget,
    /// retention removes the oldest days before their time.
    Pruning,
    /// 90 % of the budget is used, or less than the reserve is free. Ingest is stopped.
    Full,
}

/// The size of the database and its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StorageGauge {
    /// The size of the database in bytes, without the write-ahead log.
    pub used_bytes: u64,
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
        let budget = self.budget_bytes.map_or(StorageLevel::Ok, |budget| {
            let percent = u128::from(self.used_bytes) * 100 / u128::from(budget.max(1));
            match percent {
                0..80 => StorageLevel::Ok,
                80..85 => StorageLevel::Near,
                85..90 => StorageLevel::Pruning,
                _ => StorageLevel::Full,
            }
        });
        let reserve = self.reserve_bytes;
        let disk = self.free_bytes.map_or(StorageLevel::Ok, |free| {
            if free < reserve {
                StorageLevel::Full
            } else if free < reserve.saturating_add(reserve / 2) {
                StorageLevel::Pruning
            } else if free < reserve.saturating_mul(2) {
                StorageLevel::Near
            } else {
                StorageLevel::Ok
            }
        });
        budget.max(disk)
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
}

/// The storage report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StorageReport {
    /// The size and its limits.
    pub gauge: StorageGauge,
    /// The level that results from `gauge`.
    pub level: StorageLevel,
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

    #[test]
    fn a_level_is_the_graver_of_budget_and_disk() {
        let gauge = |used, budget, free| StorageGauge {
            used_bytes: used,
            budget_bytes: budget,
            free_bytes: free,
            reserve_bytes: 100,
        };
        for (gauge, level) in [
            (gauge(1_000, None, None), StorageLevel::Ok),
            (gauge(799, Some(1_000), None), StorageLevel::Ok),
            (gauge(800, Some(1_000), Some(500)), StorageLevel::Near),
            (gauge(850, Some(1_000), None), StorageLevel::Pruning),
            (gauge(900, Some(1_000), None), StorageLevel::Full),
            (gauge(1, Some(0), None), StorageLevel::Full),
            (gauge(0, None, Some(200)), StorageLevel::Ok),
            (gauge(0, None, Some(199)), StorageLevel::Near),
            (gauge(0, None, Some(149)), StorageLevel::Pruning),
            (gauge(0, Some(1_000), Some(99)), StorageLevel::Full),
        ] {
            assert_eq!(gauge.level(), level, "{gauge:?}");
        }
    }

    #[test]
    fn rows_are_moved_on_a_full_disk_until_half_of_the_reserve_is_used() {
        let gauge = |free| StorageGauge {
            used_bytes: 1 << 40,
            budget_bytes: None,
            free_bytes: free,
            reserve_bytes: 1_000,
        };
        assert_eq!(gauge(Some(999)).level(), StorageLevel::Full);
        assert!(gauge(Some(999)).may_rewrite());
        assert!(!gauge(Some(499)).may_rewrite());
        assert!(gauge(None).may_rewrite());
    }
}
