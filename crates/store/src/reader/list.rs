//! Reads one page of the list of traces.

use std::collections::BTreeSet;
use std::sync::Arc;

use throughline_model::{Cursor, Direction, Page, PageRequest, ReadError, Total, TraceSummary};
use throughline_wire::{TraceId, UnixNanos};
use uuid::Uuid;

use super::context::ReadContext;
use super::paging::Paged;
use super::summaries;
use crate::search::{End, From, LeafBits, RowSelection, ScanPlan, Search, SearchLimits, SpanAt};

/// The list to read, with its order.
#[derive(Debug, Clone)]
pub(super) struct Listing<'a> {
    pub selection: RowSelection<'a>,
    pub plan: Arc<ScanPlan>,
    pub page: PageRequest,
    pub limits: SearchLimits,
    /// The maximum number of rows that are counted exactly.
    pub total_cap: u64,
}

/// A page with additional results of the search.
#[derive(Debug)]
pub(super) struct ListedPage {
    pub page: Page<TraceSummary>,
    /// The leaves of the plan that hold for at least one trace of the page.
    pub leaves: LeafBits,
    /// The attribute names that were found by tests of any attribute.
    pub names: BTreeSet<String>,
}

/// A trace that was found.
struct FoundTrace {
    id: Uuid,
    leaves: LeafBits,
    span: Option<SpanAt>,
}

pub(super) async fn list(
    context: &mut ReadContext<'_>,
    listing: Listing<'_>,
) -> Result<ListedPage, ReadError> {
    let Listing {
        selection,
        plan,
        page,
        limits,
        total_cap,
    } = listing;
    let limit = page.limit.clamp(1, PageRequest::MAX_LIMIT) as usize;
    let from = from(page.from);
    let mut found: Vec<FoundTrace> = Vec::new();
    let mut search = Search::new(
        context.connection,
        selection,
        Arc::clone(&plan),
        from,
        limits,
    );
    let outcome = search
        .run(&mut |row, matched| {
            found.push(FoundTrace {
                id: row.trace_id,
                leaves: matched.leaves,
                span: matched.span,
            });
            found.len() <= limit
        })
        .await?;
    if from.direction == Direction::Before {
        found.reverse();
    }
    let names = search.into_names();
    let items = summarised(context, &found).await?;
    let Paged {
        items,
        mut before,
        mut after,
        has_more,
    } = Paged::of(items, limit, page.from, cursor);
    let stopped = match outcome.end {
        End::Stopped((start_ns, trace_id)) if !has_more => {
            let trace_id = TraceId::from_bytes(trace_id.into_bytes());
            let start = UnixNanos::new(start_ns);
            trace_id.ok().map(|trace_id| Cursor { start, trace_id })
        }
        _ => None,
    };
    if stopped.is_some() {
        match page.from {
            Some((Direction::Before, _)) => before = stopped,
            _ => after = stopped,
        }
    }
    // At least one row is on the side from which the client reached this page.
    let seen = items.len() as u64 + u64::from(has_more) + u64::from(page.from.is_some());
    let total = match outcome.total {
        Some(total) => Total::Exact(total),
        None if page.from.is_none() && !has_more && stopped.is_none() => Total::Exact(seen),
        None if plan.is_empty() => count(context, selection, total_cap, seen).await?,
        // An exact count would run the same search again from the start.
        None => Total::AtLeast(seen),
    };
    let leaves = found.iter().fold(0, |all, trace| all | trace.leaves);
    Ok(ListedPage {
        page: Page {
            items,
            after,
            before,
            total,
            searched_to: stopped.map(|cursor| cursor.start),
        },
        leaves,
        names,
    })
}

/// Returns the start of a page and its direction.
fn from(from: Option<(Direction, Cursor)>) -> From {
    From {
        direction: from.map_or(Direction::After, |(direction, _)| direction),
        position: from.map(|(_, cursor)| {
            let trace_id = Uuid::from_bytes(cursor.trace_id.to_bytes());
            (cursor.start.get(), trace_id)
        }),
    }
}

/// Returns the summaries in the order in which the traces were found.
async fn summarised(
    context: &mut ReadContext<'_>,
    found: &[FoundTrace],
) -> Result<Vec<TraceSummary>, ReadError> {
    let traces: Vec<_> = found.iter().map(|trace| (trace.id, trace.span)).collect();
    let mut summaries = summaries::by_id(context, &traces).await?;
    let items = found.iter();
    Ok(items
        .filter_map(|trace| summaries.remove(&trace.id))
        .collect())
}

/// Returns the position of a trace in the list.
fn cursor(summary: &TraceSummary) -> Cursor {
    Cursor {
        start: summary.start,
        trace_id: summary.trace_id,
    }
}

/// Returns the total of a list without span conditions. It is exact if the range has few enough
/// rows.
async fn count(
    context: &mut ReadContext<'_>,
    selection: RowSelection<'_>,
    cap: u64,
    seen: u64,
) -> Result<Total, ReadError> {
    let cap = i64::try_from(cap).unwrap_or(i64::MAX - 1);
    let (count, looked_at) = selection.count(context.connection, cap + 1).await?;
    Ok(if looked_at <= cap {
        Total::Exact(count)
    } else {
        Total::AtLeast(count.min(cap.unsigned_abs()).max(seen))
    })
}
