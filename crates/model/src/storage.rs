//! What the database takes, by table, operation and attribute, and how long it will do.

use serde::{Deserialize, Serialize};
use throughline_wire::UnixNanos;

/// How near the limit of its size the database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StorageLevel {
    /// There is room.
    #[default]
    Ok,
    /// 80 % of the budget are used, or less than twice the reserve is free on the disk.
    Near,
    /// 85 % of the budget are used, or less than one and a half times the reserve is free: with a
    /// budget the oldest days go before their time.
    Pruning,
    /// 90 % of the budget are used, or less than the reserve is free: ingest is stopped.
    Full,
}

/// The size of the database beside what limits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StorageGauge {
    /// What the database takes, write-ahead log not counted.
    pub used_bytes: u64,
    /// What it may take; none when nothing was said.
    pub budget_bytes: Option<u64>,
    /// What is free on the disk of the data directory; none where the database is elsewhere.
    pub free_bytes: Option<u64>,
    /// What stays free there, for the write-ahead log and for making room.
    pub reserve_bytes: u64,
}

impl StorageGauge {
    /// The graver of what budget and disk say.
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
}

/// The whole report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StorageReport {
    /// Size and limits.
    pub gauge: StorageGauge,
    /// What they amount to.
    pub level: StorageLevel,
    /// By table, largest first.
    pub tables: Vec<TableSize>,
    /// The size at the end of each of the last days, oldest first.
    pub days: Vec<DaySize>,
    /// What a day added on average over those days; none before there are two.
    pub growth_bytes_per_day: Option<i64>,
    /// When the budget is used up at that pace, in days; none when it is not in sight.
    pub days_left: Option<u64>,
    /// Spans that the two tables below were estimated from.
    pub sampled_spans: u64,
    /// Bytes of spans by operation, largest first: an estimate.
    pub by_operation: Vec<Share>,
    /// Bytes of attributes by key, largest first: an estimate, before compression.
    pub by_attribute: Vec<Share>,
}

impl StorageReport {
    /// Rows of each estimate at most.
    pub const MAX_SHARES: usize = 50;
}

/// What a table takes, its partitions included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSize {
    /// Its name.
    pub table: String,
    /// Rows themselves.
    pub heap_bytes: u64,
    /// Its indexes.
    pub index_bytes: u64,
    /// Values too long to stand in their rows.
    pub toast_bytes: u64,
    /// How many rows, as the database estimates.
    pub row_estimate: u64,
    /// The same by partition, newest first; empty for a table without.
    pub partitions: Vec<TableSize>,
}

impl TableSize {
    /// All of it.
    pub const fn total_bytes(&self) -> u64 {
        self.heap_bytes + self.index_bytes + self.toast_bytes
    }
}

/// The size of the database on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaySize {
    /// First instant of the day.
    #[serde(rename = "day_ns")]
    pub day: UnixNanos,
    /// As last measured on it.
    pub byte_count: u64,
}

/// What one of many takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Service of an operation; none for an attribute.
    pub service: Option<String>,
    /// Name of the operation, or key of the attribute.
    pub name: String,
    /// Estimated bytes.
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
}
