//! Reads the counts of spans that senders dropped.

use throughline_model::{DroppedSpans, ReadError};
use throughline_wire::{DropReason, UnixNanos};

use super::context::ReadContext;
use crate::sqlstate::read_error;

/// The resolution of the counts.
const MINUTE_NS: i64 = UnixNanos::PER_MINUTE;

/// Returns the spans that were reported as dropped in the minutes of a range, most first: of these
/// services, or of all.
pub(super) async fn read(
    context: &mut ReadContext<'_>,
    (from_ns, to_ns): (i64, i64),
    services: Option<Vec<i64>>,
) -> Result<Vec<DroppedSpans>, ReadError> {
    let rows: Vec<(String, String, i64)> = sqlx::query_as(include_str!("dropped_spans.sql"))
        .bind(context.tenant)
        // The minute that the range begins in.
        .bind(from_ns.saturating_sub(from_ns.rem_euclid(MINUTE_NS)))
        .bind(to_ns)
        .bind(services)
        .bind(DropReason::Unsampled.as_str())
        .bind(DroppedSpans::MAX_ROWS as i64)
        .fetch_all(&mut *context.connection)
        .await
        .map_err(read_error)?;
    let rows = rows.into_iter();
    Ok(rows
        .map(|(service, reason, span_count)| DroppedSpans {
            service,
            reason,
            span_count: span_count.unsigned_abs(),
        })
        .collect())
}
