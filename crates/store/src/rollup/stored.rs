//! Tells which larger windows are stored.

use sqlx::{FromRow, PgConnection};
use throughline_model::{RetentionRules, RollupWindow};

/// The ends of what is stored in larger windows, and the clock of the database.
///
/// Windows before the newest stored one of their length are stored too, where they have spans; those
/// after it are not. So larger windows are built in the order of time, each in one
/// transaction.
#[derive(Debug, Clone, Copy, FromRow)]
#[expect(clippy::struct_field_names, reason = "the unit")]
pub(crate) struct Stored {
    hours_before_ns: i64,
    days_before_ns: i64,
    pub now_ns: i64,
}

impl Stored {
    /// Reads it: within the snapshot in which windows are read, or under the lock of compaction.
    pub(crate) async fn read(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        sqlx::query_as(include_str!("stored_windows.sql"))
            .fetch_one(connection)
            .await
    }

    /// Returns the instant before which windows of this length are stored.
    pub(super) const fn before_ns(&self, window: RollupWindow) -> i64 {
        match window {
            RollupWindow::QuarterHour => i64::MAX,
            RollupWindow::Hour => self.hours_before_ns,
            RollupWindow::Day => self.days_before_ns,
        }
    }

    /// Returns the instant before which spans are not counted: their traces may have been removed,
    /// and be sent again.
    pub(crate) fn oldest_ns(&self, rules: &RetentionRules) -> i64 {
        self.now_ns.saturating_sub(rules.spans_ns().max(0))
    }
}
