//! Writes rollup windows.

use std::collections::BTreeMap;

use futures::TryStreamExt as _;
use sqlx::{FromRow, PgConnection};
use throughline_model::RollupWindow;
use uuid::Uuid;

use super::stored::StoredWindows;
use super::{Counts, Figures, decode_sketches, window_start};
use crate::block::table::BUCKET;

/// The number of windows that are merged at a time.
const BATCH: usize = 2_000;

/// The tenant, the length of the window in seconds, its start and the operation. Rows are written
/// in this order.
pub(super) type RollupKey = (Uuid, i32, i64, i64);

#[derive(FromRow)]
struct WindowRow {
    window_seconds: i32,
    start_ns: i64,
    operation_id: i64,
    span_count: i64,
    error_count: i64,
    max_ns: i64,
    sketch: Vec<u8>,
}

/// Adds counts by windows of 15 minutes to the stored windows of a tenant, in the current
/// transaction of the connection. The caller must hold the lock of compaction, because merging
/// reads rows before it writes them.
pub(crate) async fn add(
    connection: &mut PgConnection,
    tenant: Uuid,
    counts: Counts,
    stored: StoredWindows,
) -> Result<(), sqlx::Error> {
    let mut windows: BTreeMap<RollupKey, Figures> = BTreeMap::new();
    for ((start_ns, operation_id), figures) in counts.into_figures() {
        for window in RollupWindow::ALL {
            let start_ns = window_start(start_ns, window.length_ns());
            if start_ns < stored.before_ns(window) {
                let key = (tenant, window.seconds(), start_ns, operation_id);
                windows.entry(key).or_default().merge(&figures);
            }
        }
    }
    let mut batch: Vec<(RollupKey, Figures)> = Vec::new();
    let mut windows = windows.into_iter();
    loop {
        batch.extend(windows.by_ref().take(BATCH));
        if batch.is_empty() {
            return Ok(());
        }
        merge_stored(connection, tenant, &mut batch).await?;
        write(connection, &batch).await?;
        batch.clear();
    }
}

/// Adds the stored values of these keys. The keys must be sorted.
async fn merge_stored(
    connection: &mut PgConnection,
    tenant: Uuid,
    windows: &mut [(RollupKey, Figures)],
) -> Result<(), sqlx::Error> {
    let (mut lengths, mut starts, mut first, mut last) = (vec![], vec![], vec![], vec![]);
    for operations in windows.chunk_by(|(a, _), (b, _)| (a.1, a.2) == (b.1, b.2)) {
        let (lowest, highest) = (operations[0].0, operations[operations.len() - 1].0);
        lengths.push(lowest.1);
        starts.push(lowest.2);
        first.push(lowest.3);
        last.push(highest.3);
    }
    let mut rows = sqlx::query_as::<_, WindowRow>(include_str!("stored_rollups.sql"))
        .bind(tenant)
        .bind(lengths)
        .bind(starts)
        .bind(first)
        .bind(last)
        .fetch(connection);
    // Streams the rows, because a range may contain many more rows than keys.
    while let Some(row) = rows.try_next().await? {
        let key = (tenant, row.window_seconds, row.start_ns, row.operation_id);
        if let Ok(place) = windows.binary_search_by_key(&key, |(key, _)| *key) {
            windows[place].1.merge(&Figures {
                span_count: row.span_count,
                error_count: row.error_count,
                max_ns: row.max_ns,
                sketch: decode_sketches([&row.sketch]),
            });
        }
    }
    Ok(())
}

/// Writes windows and overwrites stored windows with the same key.
pub(super) async fn write(
    connection: &mut PgConnection,
    windows: &[(RollupKey, Figures)],
) -> Result<(), sqlx::Error> {
    let (mut tenants, mut lengths, mut starts, mut operations) = (vec![], vec![], vec![], vec![]);
    let (mut spans, mut errors, mut greatest, mut sketches) = (vec![], vec![], vec![], vec![]);
    for ((tenant, seconds, start_ns, operation_id), figures) in windows {
        tenants.push(*tenant);
        lengths.push(*seconds);
        starts.push(*start_ns);
        operations.push(*operation_id);
        spans.push(figures.span_count);
        errors.push(figures.error_count);
        greatest.push(figures.max_ns);
        sketches.push(figures.sketch.encode());
    }
    sqlx::query(include_str!("store_rollups.sql"))
        .bind(tenants)
        .bind(lengths)
        .bind(starts)
        .bind(operations)
        .bind(spans)
        .bind(errors)
        .bind(greatest)
        .bind(sketches)
        .bind(BUCKET)
        .execute(connection)
        .await?;
    Ok(())
}
