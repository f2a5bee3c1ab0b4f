//! One page of the directory.

use sqlx::PgConnection;
use throughline_model::{Cursor, Direction, Page, PageRequest, ReadError, Total, TraceSummary};

use super::compile::Selection;
use super::rows::SummaryRow;
use crate::sqlstate::read_error;

pub(super) async fn list(
    connection: &mut PgConnection,
    selection: &Selection<'_>,
    page: PageRequest,
    total_cap: u64,
) -> Result<Page<TraceSummary>, ReadError> {
    let limit = page.limit.clamp(1, PageRequest::MAX_LIMIT) as usize;
    let rows: Vec<SummaryRow> = selection
        .page(page, limit as i64)
        .build_query_as()
        .fetch_all(&mut *connection)
        .await
        .map_err(read_error)?;
    let mut items = rows
        .into_iter()
        .map(TraceSummary::try_from)
        .collect::<Result<Vec<_>, _>>()?;
    let has_more = items.len() > limit;
    if has_more {
        // The row too many is the one furthest from the cursor.
        match page.from {
            Some((Direction::Before, _)) => drop(items.remove(0)),
            _ => items.truncate(limit),
        }
    }
    let (before, after) = neighbours(&items, page, has_more);
    let total = count(connection, selection, total_cap).await?;
    Ok(Page {
        items,
        after,
        before,
        total,
    })
}

/// Where the pages on both sides begin; on the side the page was reached from there are rows,
/// those at the cursor at least.
fn neighbours(
    items: &[TraceSummary],
    page: PageRequest,
    has_more: bool,
) -> (Option<Cursor>, Option<Cursor>) {
    let cursor = |summary: &TraceSummary| Cursor {
        start: summary.start,
        trace_id: summary.trace_id,
    };
    let first = items.first().map(cursor);
    let last = items.last().map(cursor);
    match page.from {
        None => (None, last.filter(|_| has_more)),
        Some((Direction::After, from)) => (first.or(Some(from)), last.filter(|_| has_more)),
        Some((Direction::Before, from)) => (first.filter(|_| has_more), last.or(Some(from))),
    }
}

async fn count(
    connection: &mut PgConnection,
    selection: &Selection<'_>,
    cap: u64,
) -> Result<Total, ReadError> {
    let count: i64 = selection
        .total(i64::try_from(cap).unwrap_or(i64::MAX))
        .build_query_scalar()
        .fetch_one(connection)
        .await
        .map_err(read_error)?;
    let count = count.unsigned_abs();
    Ok(if count > cap {
        Total::AtLeast(cap)
    } else {
        Total::Exact(count)
    })
}
