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
    /// Reports whether a live view supports this filter, that is, whether a trace summary has every
    /// field that the filter compares.
    pub fn is_live(&self) -> bool {
        self.parameters_beyond_summary().next().is_none()
    }

    /// Returns the names of the parameters that a trace summary lacks.
    pub fn parameters_beyond_summary(&self) -> impl Iterator<Item = &'static str> {
        [
            ("correlation", self.correlation.is_some()),
            ("error", self.error.is_some()),
            ("attr", !self.attributes.is_empty()),
        ]
        .into_iter()
        .filter_map(|(name, is_given)| is_given.then_some(name))
    }

    /// Reports whether the filter, evaluated at `now`, selects this trace. The result agrees with
    /// the list of the store, but needs the summary alone. A filter on fields that a summary lacks
    /// (a correlation, the text of an error, attributes) selects nothing.
    pub fn selects(&self, trace: &TraceSummary, now: UnixNanos) -> bool {
        // The pattern lists every field, so that the compiler reports a new condition missing here.
        let Self {
            range,
            service,
            operation,
            kind,
            status,
            min_duration_ns,
            max_duration_ns,
            min_spans,
            max_spans,
            user,
            session,
            correlation: _,
            error: _,
            is_pinned,
            attributes: _,
        } = self;
        let (from, to) = range.bounds(now);
        let is =
            |wanted: &Option<String>, value: &Option<String>| wanted.is_none() || wanted == value;
        from <= trace.start
            && trace.start < to
            && service
                .as_ref()
                .is_none_or(|service| trace.services.contains(service))
            && operation
                .as_ref()
                .is_none_or(|wanted| wanted.matches(&trace.root_name))
            && kind.is_none_or(|kind| kind == trace.root_kind)
            && status
                .is_none_or(|status| (status == StatusFilter::Error) == (trace.error_count > 0))
            && min_duration_ns.is_none_or(|least| trace.duration_ns >= least)
            && max_duration_ns.is_none_or(|most| trace.duration_ns <= most)
            && min_spans.is_none_or(|least| trace.span_count >= least)
            && max_spans.is_none_or(|most| trace.span_count <= most)
            && is(user, &trace.user)
            && is(session, &trace.session)
            && (!is_pinned || trace.is_pinned)
            && self.is_live()
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

    fn selects(query: &[(&'static str, &'static str)]) -> bool {
        filter(query).selects(&trace(), NOW)
    }

    #[test]
    fn every_condition_of_a_filter_lets_through_or_holds_back() {
        for (key, passes, fails) in [
            ("service", "mail", "mai"),
            ("operation", "/orders", "/cart"),
            ("status", "error", "ok"),
            ("min_duration", "5ms", "6ms"),
            ("max_duration", "5ms", "4ms"),
            ("min_spans", "3", "4"),
            ("max_spans", "3", "2"),
            ("kind", "server", "client"),
            ("user", "ann", "Ann"),
            ("range", "2m", "30s"),
        ] {
            assert!(selects(&[(key, passes)]), "{key}={passes}");
            assert!(!selects(&[(key, fails)]), "{key}={fails}");
            assert!(!selects(&[(key, passes), ("session", "other")]), "{key}");
        }
        let mut unpinned = trace();
        unpinned.is_pinned = false;
        assert!(selects(&[("pinned", "true")]));
        assert!(!filter(&[("pinned", "true")]).selects(&unpinned, NOW));
        for unknowable in ["session", "correlation", "error", "attr.a"] {
            assert!(!selects(&[(unknowable, "s")]), "{unknowable}");
            assert_eq!(
                filter(&[(unknowable, "s")]).is_live(),
                unknowable == "session"
            );
        }
    }

    #[test]
    fn a_trace_that_is_older_than_the_range_is_held_back_as_time_goes_on() {
        let filter = TraceFilter {
            range: TimeRange::Last(2 * UnixNanos::PER_MINUTE),
            ..TraceFilter::default()
        };
        assert!(filter.selects(&trace(), NOW));
        assert!(!filter.selects(&trace(), NOW.saturating_add(2 * UnixNanos::PER_MINUTE)));
    }
}
