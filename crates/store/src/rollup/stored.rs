//! Reads which larger windows are stored.

use sqlx::{FromRow, PgConnection};
use throughline_model::{RetentionRules, RollupWindow};

/// The ends of the newest stored larger windows, and the time of the database.
///
/// All windows with spans before the newest stored window of the same length are stored too. No
/// later window is stored. This holds because larger windows are built in the order of time, each
/// in one transaction.
#[derive(Debug, Clone, Copy, FromRow)]
#[expect(clippy::struct_field_names, reason = "the unit")]
pub(crate) struct StoredWindows {
    hours_before_ns: i64,
    days_before_ns: i64,
    pub now_ns: i64,
}

impl StoredWindows {
    /// Reads the state. The caller must use the snapshot in which it reads windows, or hold the
    /// lock of compaction.
    pub(crate) async fn read(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        sqlx::query_as(include_str!("stored_windows.sql"))
            .fetch_one(connection)
            .await
    }

    /// Returns the time before which windows of this length are stored.
    pub(crate) const fn before_ns(&self, window: RollupWindow) -> i64 {
        match window {
            RollupWindow::QuarterHour => i64::MAX,
            RollupWindow::Hour => self.hours_before_ns,
            RollupWindow::Day => self.days_before_ns,
        }
    }

    /// Returns the start time before which spans are not counted. Retention may have removed their
    /// traces, and clients may send them again, so they could be counted twice.
    pub(crate) fn oldest_ns(&self, rules: &RetentionRules) -> i64 {
        self.now_ns.saturating_sub(rules.spans_ns().max(0))
    }
}
