//! One page of the directory.

use sqlx::PgConnection;
use throughline_model::{Cursor, Direction, Page, PageRequest, ReadError, Total, TraceSummary};
use throughline_wire::{TraceId, UnixNanos};
use uuid::Uuid;

use super::compile::{Sample, Selection};
use super::paging::Paged;
use super::reach::{LEAST_SAMPLED, Part, Reach};
use super::rows::{SummaryRow, corrupt};
use crate::sqlstate::read_error;

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
    if selection.may_stop() && !has_more {
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
        // On the side the page was reached from there is a row at least.
        let seen = found + u64::from(has_more) + u64::from(page.from.is_some());
        count(connection, selection, total_cap, seen).await?
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
    sample: Sample,
) -> Result<u64, ReadError> {
    let count: i64 = selection
        .total(sample)
        .build_query_scalar()
        .fetch_one(connection)
        .await
        .map_err(read_error)?;
    Ok(count.unsigned_abs())
}

/// The total of a list with `seen` rows at least. Exact where a condition that an index answers
/// leaves at most `cap` traces to look at, else told from a sample, or where that has too few, what
/// the newest `cap` of these have, unless the sample has more: as the statistics tell it.
async fn count(
    connection: &mut PgConnection,
    selection: &Selection<'_>,
    cap: u64,
    seen: u64,
) -> Result<Total, ReadError> {
    let mut reach = Reach::of(selection, cap);
    let mut estimated = None;
    let beyond_ns = match reach.first(connection, selection).await? {
        Part::All => None,
        Part::Sample(sample) => {
            let sampled = counted(connection, selection, sample).await?;
            let estimate = Total::Estimated((sampled * sample.one_in()).max(seen));
            if sampled >= LEAST_SAMPLED {
                return Ok(estimate);
            }
            estimated = Some((sampled, estimate));
            reach.newest(connection, selection).await?
        }
        Part::Newest => reach.newest(connection, selection).await?,
    };
    Ok(match beyond_ns {
        None => Total::Exact(counted(connection, selection, Sample::All).await?),
        Some(beyond_ns) => {
            let newest = selection.after(beyond_ns);
            let count = counted(connection, &newest, Sample::All).await?;
            match estimated {
                Some((sampled, estimate)) if sampled > count => estimate,
                _ => Total::AtLeast(count.max(seen)),
            }
        }
    })
}
