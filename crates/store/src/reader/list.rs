//! Reads one page of the list of traces.

use std::collections::BTreeSet;
use std::sync::Arc;

use sqlx::PgConnection;
use throughline_model::{Cursor, Direction, Page, PageRequest, ReadError, Total, TraceSummary};
use throughline_wire::{TraceId, UnixNanos};
use uuid::Uuid;

use super::paging::Paged;
use super::summaries;
use crate::search::{
    Budget, End, From, LeafBits, RowSelection, ScanPermits, ScanPlan, Search, SpanAt,
};

/// The list to read, with its order.
#[derive(Debug, Clone)]
pub(super) struct Listing<'a> {
    pub selection: RowSelection<'a>,
    pub plan: Arc<ScanPlan>,
    pub page: PageRequest,
    pub budget: Budget,
    pub permits: Arc<ScanPermits>,
    /// The maximum number of rows that are counted exactly.
    pub total_cap: u64,
    pub now: UnixNanos,
}

/// A page with additional results of the search.
#[derive(Debug)]
pub(super) struct Listed {
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
    connection: &mut PgConnection,
    listing: Listing<'_>,
) -> Result<Listed, ReadError> {
    let Listing {
        selection,
        plan,
        page,
        budget,
        permits,
        total_cap,
        now,
    } = listing;
    let limit = page.limit.clamp(1, PageRequest::MAX_LIMIT) as usize;
    let from = from(page.from);
    let mut found: Vec<FoundTrace> = Vec::new();
    let mut search = Search::new(
        connection,
        selection,
        Arc::clone(&plan),
        from,
        budget,
        permits,
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
    let items = summarised(connection, selection.tenant, &found, now).await?;
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
        None if plan.is_empty() => count(connection, selection, total_cap, seen).await?,
        // An exact count would run the same search again from the start.
        None => Total::AtLeast(seen),
    };
    let leaves = found.iter().fold(0, |all, trace| all | trace.leaves);
    Ok(Listed {
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
    connection: &mut PgConnection,
    tenant: Uuid,
    found: &[FoundTrace],
    now: UnixNanos,
) -> Result<Vec<TraceSummary>, ReadError> {
    let traces: Vec<_> = found.iter().map(|trace| (trace.id, trace.span)).collect();
    let mut summaries = summaries::by_id(connection, tenant, &traces, now).await?;
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
    connection: &mut PgConnection,
    selection: RowSelection<'_>,
    cap: u64,
    seen: u64,
) -> Result<Total, ReadError> {
    let cap = i64::try_from(cap).unwrap_or(i64::MAX - 1);
    let (count, looked_at) = selection.count(connection, cap + 1).await?;
    Ok(if looked_at <= cap {
        Total::Exact(count)
    } else {
        Total::AtLeast(count.min(cap.unsigned_abs()).max(seen))
    })
}
