//! Pages a list in memory by the rules of the store.

use throughline_model::{Cursor, Direction, Page, PageRequest, Total, TraceSummary};

fn cursor(summary: &TraceSummary) -> Cursor {
    Cursor {
        start: summary.start,
        trace_id: summary.trace_id,
    }
}

/// Returns the requested page of `traces`, newest first.
pub(super) fn page_of(traces: Vec<TraceSummary>, page: PageRequest) -> Page<TraceSummary> {
    let total = Total::Exact(traces.len() as u64);
    let limit = page.limit.clamp(1, PageRequest::MAX_LIMIT) as usize;
    let (from, to) = match page.from {
        None => (0, limit.min(traces.len())),
        Some((Direction::After, at)) => {
            let from = traces.partition_point(|trace| cursor(trace) >= at);
            (from, (from + limit).min(traces.len()))
        }
        Some((Direction::Before, at)) => {
            let to = traces.partition_point(|trace| cursor(trace) > at);
            (to.saturating_sub(limit), to)
        }
    };
    let items = traces[from..to].to_vec();
    let asked = page.from.map(|(_, at)| at);
    Page {
        before: (from > 0)
            .then(|| items.first().map(cursor).or(asked))
            .flatten(),
        after: (to < traces.len())
            .then(|| items.last().map(cursor).or(asked))
            .flatten(),
        items,
        total,
        searched_to: None,
    }
}
