//! One page of the directory.

use sqlx::PgConnection;
use throughline_model::{Cursor, Direction, Page, PageRequest, ReadError, Total, TraceSummary};
use throughline_wire::{TraceId, UnixNanos};
use uuid::Uuid;

use super::compile::{Sample, Selection};
use super::paging::Paged;
use super::rows::{SummaryRow, corrupt};
use crate::sqlstate::read_error;

/// A sample with fewer traces than this says too little.
const LEAST_SAMPLED: i64 = 30;
/// A sample is looked through to its end, row by row in places all over the directory: about so
/// many rows at most, some 20 ms.
const MOST_SAMPLED: u64 = 16_000;

pub(super) async fn list(
    connection: &mut PgConnection,
    selection: &Selection<'_>,
    page: PageRequest,
    total_cap: u64,
    now: UnixNanos,
) -> Result<Page<TraceSummary>, ReadError> {
    let limit = page.limit.clamp(1, PageRequest::MAX_LIMIT) as usize;
    let rows: Vec<SummaryRow> = selection
        .page(page, limit as i64)
        .build_query_as()
        .fetch_all(&mut *connection)
        .await
        .map_err(read_error)?;
    let items = rows
        .into_iter()
        .map(|row| row.into_summary(now))
        .collect::<Result<Vec<_>, _>>()?;
    let Paged {
        items,
        mut before,
        mut after,
        has_more,
    } = Paged::of(items, limit, page.from, cursor);
    let mut stopped = None;
    if selection.is_searched() && !has_more {
        stopped = search_stopped(connection, selection, page.from).await?;
        match page.from {
            Some((Direction::Before, _)) => before = stopped,
            _ => after = stopped,
        }
    }
    let found = items.len() as u64;
    let total = if page.from.is_none() && !has_more && stopped.is_none() {
        Total::Exact(found)
    } else if selection.is_searched() {
        // Counting would be the same search once more, from the top.
        Total::AtLeast(found)
    } else {
        count(connection, selection, total_cap).await?
    };
    Ok(Page {
        items,
        after,
        before,
        total,
        searched_to: stopped.map(|cursor| cursor.start),
    })
}

/// The place of a trace in the list.
pub(super) fn cursor(summary: &TraceSummary) -> Cursor {
    Cursor {
        start: summary.start,
        trace_id: summary.trace_id,
    }
}

/// Where a search stopped before its end; none when it looked at everything.
pub(super) async fn search_stopped(
    connection: &mut PgConnection,
    selection: &Selection<'_>,
    from: Option<(Direction, Cursor)>,
) -> Result<Option<Cursor>, ReadError> {
    let last: Option<(i64, Uuid)> = selection
        .search_end(from)
        .build_query_as()
        .fetch_optional(&mut *connection)
        .await
        .map_err(read_error)?;
    let Some((start_ns, trace_id)) = last else {
        return Ok(None);
    };
    let last = Cursor {
        start: UnixNanos::new(start_ns),
        trace_id: TraceId::from_bytes(trace_id.into_bytes())
            .map_err(|_| corrupt("traces.trace_id")())?,
    };
    let direction = from.map_or(Direction::After, |(direction, _)| direction);
    let goes_on: bool = selection
        .goes_on((direction, last))
        .build_query_scalar()
        .fetch_one(connection)
        .await
        .map_err(read_error)?;
    Ok(goes_on.then_some(last))
}

async fn counted(
    connection: &mut PgConnection,
    selection: &Selection<'_>,
    cap: i64,
    sample: Sample,
) -> Result<i64, ReadError> {
    selection
        .total(cap, sample)
        .build_query_scalar()
        .fetch_one(connection)
        .await
        .map_err(read_error)
}

/// Exactly up to `cap`, then by a sample.
pub(super) async fn count(
    connection: &mut PgConnection,
    selection: &Selection<'_>,
    cap: u64,
) -> Result<Total, ReadError> {
    let limit = i64::try_from(cap).unwrap_or(i64::MAX);
    let count = counted(connection, selection, limit, Sample::All).await?;
    if count <= limit {
        return Ok(Total::Exact(count.unsigned_abs()));
    }
    let sample = sample(connection, selection).await?;
    let sampled = counted(connection, selection, i64::MAX - 1, sample).await?;
    Ok(if sampled < LEAST_SAMPLED {
        Total::AtLeast(cap)
    } else {
        Total::Estimated((sampled.unsigned_abs() * sample.one_in()).max(cap))
    })
}

/// Whether more traces than `count` are selected.
pub(super) async fn has_more_than(
    connection: &mut PgConnection,
    selection: &Selection<'_>,
    count: i64,
) -> Result<bool, ReadError> {
    Ok(counted(connection, selection, count, Sample::All).await? > count)
}

/// The sample to look at when there is too much to look at all: the largest that can be looked
/// through, whatever the filter leaves of it.
pub(super) async fn sample(
    connection: &mut PgConnection,
    selection: &Selection<'_>,
) -> Result<Sample, ReadError> {
    for sample in Sample::FROM_SMALLEST {
        let began: i64 = selection
            .began(sample)
            .build_query_scalar()
            .fetch_one(&mut *connection)
            .await
            .map_err(read_error)?;
        if began >= LEAST_SAMPLED {
            let in_range = began.unsigned_abs() * sample.one_in();
            return Ok(Sample::of(in_range, MOST_SAMPLED));
        }
    }
    Ok(Sample::Sixteenth)
}
