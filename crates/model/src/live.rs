//! The live view: the events that a subscriber receives when traces are committed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use throughline_wire::UnixNanos;

use crate::{BoxFuture, StatusFilter, TraceFilter, TraceSummary};

/// An event of a live subscription, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LiveEvent {
    /// Every commit from now on is reported. This comes first, and again after each
    /// [`Reconnecting`](Self::Reconnecting). Read earlier commits from the list.
    Listening,
    /// The connection to the database is down. Commits made meanwhile will not be reported.
    Reconnecting,
    /// Traces that a commit added or changed, in their current state, newest first.
    Traces(Arc<[TraceSummary]>),
    /// Some traces were not reported.
    Lag(LiveLag),
}

/// The traces that a subscriber did not receive. The list has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveLag {
    /// The number of changes that were left out. A trace that changed twice may count twice.
    pub missed: u64,
    /// The reason why they were left out.
    pub reason: LagReason,
}

/// The reason why traces were left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LagReason {
    /// One commit had more traces than the live view reports at once.
    Overflow,
    /// The subscriber did not take its events fast enough.
    Slow,
    /// The traces could not be read from the database.
    Unreadable,
}

/// The data of a `traces` event of `GET /api/admin/live`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveTraces {
    /// The time of the event, by the server's clock.
    #[serde(rename = "now_ns")]
    pub now: UnixNanos,
    /// The traces, newest first.
    pub traces: Vec<TraceSummary>,
    /// The number of further traces that match the filter but exceed the subscriber's limit.
    pub more: u64,
}

/// A feed of the commits of one tenant, made by any server of the database.
pub trait LiveFeed: Send + Sync {
    /// Subscribes from now on. Dropping the subscription ends it.
    fn subscribe(&self) -> Box<dyn LiveSubscription>;
}

/// The receiving end of a [`LiveFeed`] subscription.
pub trait LiveSubscription: Send {
    /// Waits for the next event. Returns `None` once the feed has ended. Dropping the future loses
    /// no event.
    fn next(&mut self) -> BoxFuture<'_, Option<LiveEvent>>;
}

impl TraceFilter {
    /// Reports whether a trace summary has all that the filter compares. The other conditions are
    /// about spans, or about texts and lists that a summary has only in part.
    pub fn is_of_summary(&self) -> bool {
        // The pattern lists every field, so that the compiler reports a new condition missing here.
        let Self {
            range: _,
            service,
            operation,
            kind,
            status: _,
            min_duration_ns: _,
            max_duration_ns: _,
            min_spans: _,
            max_spans: _,
            user,
            session,
            correlation,
            error,
            is_pinned: _,
            attributes,
        } = self;
        let texts = [service, user, session, correlation, error];
        texts.into_iter().all(Option::is_none)
            && operation.is_none()
            && kind.is_none()
            && attributes.is_empty()
    }

    /// Reports whether the conditions on the summary, evaluated at `now`, select this trace. The
    /// result agrees with the list of the store if [`Self::is_of_summary`]. Otherwise it is true for
    /// every trace in the list, and for others.
    pub fn selects_summary(&self, trace: &TraceSummary, now: UnixNanos) -> bool {
        let Self {
            range,
            status,
            min_duration_ns,
            max_duration_ns,
            min_spans,
            max_spans,
            is_pinned,
            ..
        } = self;
        let (from, to) = range.bounds(now);
        from <= trace.start
            && trace.start < to
            && status
                .is_none_or(|status| (status == StatusFilter::Error) == (trace.error_count > 0))
            && min_duration_ns.is_none_or(|least| trace.duration_ns >= least)
            && max_duration_ns.is_none_or(|most| trace.duration_ns <= most)
            && min_spans.is_none_or(|least| trace.span_count >= least)
            && max_spans.is_none_or(|most| trace.span_count <= most)
            && (!is_pinned || trace.is_pinned)
    }
}

#[cfg(test)]
mod tests {
    use throughline_wire::{SpanKind, TraceId};

    use super::*;
    use crate::{Query, TimeRange};

    const NOW: UnixNanos = UnixNanos::new(1_795_269_600_000_000_000);

    fn trace() -> TraceSummary {
        TraceSummary {
            trace_id: TraceId::from_bytes([7; 16]).expect("not zero"),
            start: NOW.saturating_add(-UnixNanos::PER_MINUTE),
            duration_ns: 5 * UnixNanos::PER_MILLI,
            root_name: "POST /Orders".to_owned(),
            root_service: "shop".to_owned(),
            root_kind: SpanKind::Server,
            root_duration_ns: UnixNanos::PER_MILLI,
            has_root: true,
            services: vec!["mail".to_owned(), "shop".to_owned()],
            has_more_services: false,
            span_count: 3,
            error_count: 1,
            error: None,
            open: None,
            is_pinned: true,
            user: Some("ann".to_owned()),
            session: None,
            matched_span: None,
        }
    }

    fn filter(query: &[(&'static str, &'static str)]) -> TraceFilter {
        let query: Query = query.iter().copied().collect();
        query.decode(TraceFilter::decode).strict().expect("valid")
    }

    #[test]
    fn a_condition_on_the_summary_selects_or_does_not() {
        for (key, passes, fails) in [
            ("status", "error", "ok"),
            ("min_duration", "5ms", "6ms"),
            ("max_duration", "5ms", "4ms"),
            ("min_spans", "3", "4"),
            ("max_spans", "3", "2"),
            ("range", "2m", "30s"),
        ] {
            let filters = [passes, fails].map(|value| filter(&[(key, value)]));
            assert!(filters[0].is_of_summary() && filters[1].is_of_summary());
            assert!(filters[0].selects_summary(&trace(), NOW), "{key}={passes}");
            assert!(!filters[1].selects_summary(&trace(), NOW), "{key}={fails}");
        }
        let mut unpinned = trace();
        unpinned.is_pinned = false;
        let pinned = filter(&[("pinned", "true")]);
        assert!(pinned.selects_summary(&trace(), NOW) && pinned.is_of_summary());
        assert!(!pinned.selects_summary(&unpinned, NOW));
    }

    #[test]
    fn other_conditions_are_not_decided_by_the_summary() {
        for key in [
            "service",
            "operation",
            "user",
            "session",
            "correlation",
            "error",
            "attr.a",
        ] {
            let filter = filter(&[(key, "s")]);
            assert!(!filter.is_of_summary(), "{key}");
            assert!(filter.selects_summary(&trace(), NOW), "{key}");
        }
        assert!(!filter(&[("kind", "client")]).is_of_summary());
    }

    #[test]
    fn a_trace_that_is_older_than_the_range_is_held_back_as_time_goes_on() {
        let filter = TraceFilter {
            range: TimeRange::Last(2 * UnixNanos::PER_MINUTE),
            ..TraceFilter::default()
        };
        assert!(filter.selects_summary(&trace(), NOW));
        assert!(!filter.selects_summary(&trace(), NOW.saturating_add(2 * UnixNanos::PER_MINUTE)));
    }
}
