//! Removes rollups: past their time, or before it to stay within the size budget.

use sqlx::PgConnection;
use throughline_model::{RetentionRules, RollupWindow};

use super::Cutoffs;
use crate::rollup::StoredWindows;

/// Rows removed by one statement.
const BATCH: i64 = 10_000;

/// Removes the rollups past their time; returns their number.
pub(super) async fn remove_expired(
    connection: &mut PgConnection,
    cutoffs: Cutoffs,
) -> Result<u64, sqlx::Error> {
    remove(connection, &RollupWindow::ALL, cutoffs.rollup_ns).await
}

/// Removes the windows of a length that are older than the raw data; returns their number.
pub(super) async fn remove_old(
    connection: &mut PgConnection,
    window: RollupWindow,
    rules: &RetentionRules,
) -> Result<u64, sqlx::Error> {
    let stored = StoredWindows::read(connection).await?;
    remove(connection, &[window], old_before_ns(&stored, rules, window)).await
}

/// Returns the instant before which windows of a length are older than the raw data: they ended before
/// it, and the next longer windows of their time are stored. The newest stored window of an hour and of
/// a day is never old: it tells up to when these windows were built.
pub(super) fn old_before_ns(
    stored: &StoredWindows,
    rules: &RetentionRules,
    window: RollupWindow,
) -> i64 {
    let raw_ns = rules.ok_ns.max(rules.error_ns).max(0);
    let raw_begins_ns = stored.now_ns.saturating_sub(raw_ns);
    let newest_end_ns = stored.before_ns(window);
    let longer = RollupWindow::ALL
        .into_iter()
        .find(|longer| longer.length_ns() > window.length_ns());
    let longer_end_ns = longer.map_or(i64::MAX, |longer| stored.before_ns(longer));
    let before_ns = raw_begins_ns
        .min(newest_end_ns)
        .saturating_sub(window.length_ns());
    before_ns.min(longer_end_ns)
}

async fn remove(
    connection: &mut PgConnection,
    windows: &[RollupWindow],
    before_ns: i64,
) -> Result<u64, sqlx::Error> {
    let seconds: Vec<i32> = windows.iter().map(|window| window.seconds()).collect();
    let mut removed = 0;
    loop {
        let batch = sqlx::query(include_str!("remove_rollups.sql"))
            .bind(before_ns)
            .bind(BATCH)
            .bind(&seconds)
            .execute(&mut *connection)
            .await?
            .rows_affected();
        removed += batch;
        if batch < BATCH.unsigned_abs() {
            return Ok(removed);
        }
    }
}
