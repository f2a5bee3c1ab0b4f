//! Builds windows of an hour and of a day from smaller ones.

use sqlx::{Connection as _, FromRow, PgConnection};
use throughline_model::RollupWindow;
use throughline_wire::UnixNanos;
use uuid::Uuid;

use super::stored::Stored;
use super::{Figures, decode_sketches, store, window_start};

/// A window is closed so long after its end: few spans come later, and each costs three rows.
const CLOSED_AFTER_NS: i64 = UnixNanos::PER_HOUR;
/// Operations that are put together at a time.
const BATCH: i64 = 500;

#[derive(FromRow)]
struct Row {
    tenant_id: Uuid,
    operation_id: i64,
    span_count: i64,
    error_count: i64,
    max_ns: i64,
    sketches: Vec<Vec<u8>>,
}

/// Stores the windows of an hour and of a day that are closed, each in one transaction. The caller
/// holds the lock of compaction, so that nothing is added to smaller windows meanwhile.
pub(crate) async fn build(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    // One instant for both: a day that is closed then consists of hours that were.
    let stored = Stored::read(connection).await?;
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

/// The start of the first stored window in a time range.
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

/// Stores one window of every operation of every tenant, all or nothing.
async fn build_window(
    connection: &mut PgConnection,
    window: RollupWindow,
    part: RollupWindow,
    start_ns: i64,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let mut last: Option<(Uuid, i64)> = None;
    loop {
        let rows: Vec<Row> = sqlx::query_as(include_str!("parts.sql"))
            .bind(part.seconds())
            .bind(start_ns)
            .bind(start_ns.saturating_add(window.length_ns()))
            .bind(last.map(|last| last.0))
            .bind(last.map(|last| last.1))
            .bind(BATCH)
            .fetch_all(&mut *transaction)
            .await?;
        last = rows.last().map(|row| (row.tenant_id, row.operation_id));
        if last.is_none() {
            return transaction.commit().await;
        }
        let built = rows.into_iter().map(|row| {
            let key = (row.tenant_id, window.seconds(), start_ns, row.operation_id);
            let figures = Figures {
                span_count: row.span_count,
                error_count: row.error_count,
                max_ns: row.max_ns,
                sketch: decode_sketches(&row.sketches),
            };
            (key, figures)
        });
        store::write(&mut transaction, &built.collect::<Vec<_>>()).await?;
    }
}
