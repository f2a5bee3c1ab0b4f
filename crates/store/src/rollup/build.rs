//! Builds windows of an hour and of a day from smaller windows.

use sqlx::{Connection as _, FromRow, PgConnection};
use throughline_model::RollupWindow;
use throughline_wire::UnixNanos;
use uuid::Uuid;

use super::store::{self, RollupKey};
use super::stored::StoredWindows;
use super::{Figures, decode_sketches, window_start};

/// The time after its end when a window is closed, in ns. Few spans arrive later, and each of these
/// updates three rows.
const CLOSED_AFTER_NS: i64 = UnixNanos::PER_HOUR;
/// The statement that fetches the next smaller windows.
const FETCH: &str = "FETCH FORWARD 1000 FROM rollup_parts";
/// The number of operations that are written at a time.
const BATCH: usize = 500;

#[derive(FromRow)]
struct BuiltRow {
    tenant_id: Uuid,
    operation_id: i64,
    span_count: i64,
    error_count: i64,
    max_ns: i64,
    sketch: Vec<u8>,
}

impl BuiltRow {
    fn figures(&self) -> Figures {
        Figures {
            span_count: self.span_count,
            error_count: self.error_count,
            max_ns: self.max_ns,
            sketch: decode_sketches([&self.sketch]),
        }
    }
}

/// Stores the closed windows of an hour and of a day, each window in one transaction. The caller
/// must hold the lock of compaction, so that no spans are added to smaller windows at the same
/// time.
pub(crate) async fn build(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    // Both lengths use the same time, so that a closed day consists only of closed hours.
    let stored = StoredWindows::read(connection).await?;
    let closed_ns = stored.now_ns.saturating_sub(CLOSED_AFTER_NS);
    for (window, part) in [
        (RollupWindow::Hour, RollupWindow::QuarterHour),
        (RollupWindow::Day, RollupWindow::Hour),
    ] {
        let mut from_ns = stored.before_ns(window);
        let to_ns = window_start(closed_ns, window.length_ns());
        while let Some(part_ns) = first(connection, part, from_ns, to_ns).await? {
            let start_ns = window_start(part_ns, window.length_ns());
            build_window(connection, window, part, start_ns).await?;
            from_ns = start_ns.saturating_add(window.length_ns());
        }
    }
    Ok(())
}

/// Returns the start of the first stored window in a time range.
async fn first(
    connection: &mut PgConnection,
    window: RollupWindow,
    from_ns: i64,
    to_ns: i64,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT min(start_ns) FROM rollups
         WHERE bucket = 0 AND window_seconds = $1 AND start_ns >= $2 AND start_ns < $3",
    )
    .bind(window.seconds())
    .bind(from_ns)
    .bind(to_ns)
    .fetch_one(connection)
    .await
}

/// Stores one window for every operation of every tenant in one transaction. Reads each smaller
/// window once and holds at most a few thousand in memory.
async fn build_window(
    connection: &mut PgConnection,
    window: RollupWindow,
    part: RollupWindow,
    start_ns: i64,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    sqlx::query(include_str!("parts.sql"))
        .bind(part.seconds())
        .bind(start_ns)
        .bind(start_ns.saturating_add(window.length_ns()))
        .execute(&mut *transaction)
        .await?;
    let mut built: Vec<(RollupKey, Figures)> = Vec::new();
    loop {
        let rows: Vec<BuiltRow> = sqlx::query_as(FETCH).fetch_all(&mut *transaction).await?;
        let is_end = rows.is_empty();
        for row in rows {
            let key = (row.tenant_id, window.seconds(), start_ns, row.operation_id);
            match built.last_mut() {
                Some((last, figures)) if *last == key => figures.merge(&row.figures()),
                _ => built.push((key, row.figures())),
            }
        }
        // More rows of the last operation may follow.
        let whole = built.len().saturating_sub(usize::from(!is_end));
        if is_end || whole >= BATCH {
            for batch in built[..whole].chunks(BATCH) {
                store::write(&mut transaction, batch).await?;
            }
            built.drain(..whole);
        }
        if is_end {
            return transaction.commit().await;
        }
    }
}
