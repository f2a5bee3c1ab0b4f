//! The news of a live list: traces that the stream reported since the list was read.

use std::cmp::Reverse;

use throughline_model::TraceSummary;

use super::ListRequest;

/// Traces that the stream reported for one request, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct News {
    pub(super) request: Option<ListRequest>,
    pub(super) traces: Vec<TraceSummary>,
}

impl News {
    /// Adds traces. Drops those of another request.
    pub(super) fn add(&mut self, request: &ListRequest, traces: &[TraceSummary]) {
        if self.request.as_ref() != Some(request) {
            *self = Self {
                request: Some(request.clone()),
                traces: Vec::new(),
            };
        }
        self.traces = merge(&self.traces, traces, request.page.limit);
    }

    /// Returns the traces if they are of this request.
    pub(super) fn of(&self, request: &ListRequest) -> &[TraceSummary] {
        if self.request.as_ref() == Some(request) {
            &self.traces
        } else {
            &[]
        }
    }
}

/// Merges the news into the rows, in list order, up to `limit`. Of two states of a trace, the one
/// with more spans is kept, because span counts only grow.
pub(super) fn merge(rows: &[TraceSummary], news: &[TraceSummary], limit: u32) -> Vec<TraceSummary> {
    let mut merged: Vec<TraceSummary> = news.iter().chain(rows).cloned().collect();
    merged.sort_by_key(|trace| Reverse((trace.trace_id, trace.span_count)));
    merged.dedup_by_key(|trace| trace.trace_id);
    merged.sort_by_key(|trace| Reverse((trace.start, trace.trace_id)));
    merged.truncate(limit as usize);
    merged
}

#[cfg(test)]
mod tests {
    use throughline_model::TraceFilter;
    use throughline_testkit::{FakeReader, Ids, shop_trace};
    use throughline_wire::UnixNanos;

    use super::*;

    /// Returns traces of one second each, oldest first.
    fn traces(count: i64) -> Vec<TraceSummary> {
        let reader = FakeReader::new(shop_trace(&mut Ids::seeded(1)));
        let one = reader.summaries().remove(0);
        let mut ids = Ids::seeded(2);
        (0..count)
            .map(|at| TraceSummary {
                trace_id: ids.trace_id(),
                start: one.start.saturating_add(at * UnixNanos::PER_SECOND),
                ..one.clone()
            })
            .collect()
    }

    #[test]
    fn news_stands_in_the_order_of_the_list_and_the_list_stays_a_page() {
        let all = traces(60);
        let merged = merge(&all[..40], &all[30..], 50);
        let expected: Vec<_> = all.iter().rev().take(50).cloned().collect();
        assert_eq!(merged, expected);
    }

    #[test]
    fn a_trace_that_grew_replaces_its_row_and_an_older_state_does_not() {
        let old = traces(1);
        let mut new = old.clone();
        new[0].span_count += 1;
        assert_eq!(merge(&old, &new, 50), new);
        assert_eq!(merge(&new, &old, 50), new);
    }

    #[test]
    fn news_of_one_filter_never_stands_in_the_list_of_another() {
        let all = traces(3);
        let user = |user: &str| ListRequest {
            filter: TraceFilter {
                user: Some(user.to_owned()),
                ..TraceFilter::default()
            },
            ..ListRequest::default()
        };
        let mut news = News::default();
        news.add(&user("ann"), &all[..1]);
        assert_eq!(news.of(&user("ann")), &all[..1]);
        assert_eq!(news.of(&user("bob")), &[]);
        news.add(&user("bob"), &all[1..2]);
        assert_eq!(news.of(&user("bob")), &all[1..2]);
        assert_eq!(news.of(&user("ann")), &[]);
    }
}
