//! The time range of a trace and the self time of its spans.

use throughline_wire::UnixNanos;

use super::TraceSkeleton;
use super::shared::SharedIds;

impl TraceSkeleton {
    /// Returns the earliest start and the latest end of its spans, at least 1 ns apart.
    pub fn bounds(&self) -> (UnixNanos, UnixNanos) {
        let starts = self.spans.iter().map(|span| span.start);
        let ends = self
            .spans
            .iter()
            .map(|span| span.start.saturating_add(span.duration_ns.max(0)));
        let from = starts.min().unwrap_or(self.summary.start);
        let to = ends.max().unwrap_or(from);
        (from, to.max(from.saturating_add(1)))
    }

    /// Returns the self time of the span at `index` in ns: the time it ran while none of its direct
    /// children ran.
    ///
    /// A child that outlives the span, such as a job, counts only while the span ran.
    pub fn self_time_ns(&self, index: usize) -> Option<i64> {
        let span = self.spans.get(index)?;
        let end = span.start.saturating_add(span.duration_ns.max(0));
        let ids = SharedIds::of(&self.spans);
        let children =
            (0..self.spans.len()).filter(|child| ids.parent_of(&self.spans, *child) == Some(index));
        let mut busy: Vec<(UnixNanos, UnixNanos)> = children
            .filter_map(|child| self.spans.get(child))
            .map(|child| {
                let child_end = child.start.saturating_add(child.duration_ns.max(0));
                (child.start.max(span.start), child_end.min(end))
            })
            .filter(|(from, to)| from < to)
            .collect();
        busy.sort_unstable();
        let mut covered = 0;
        let mut until = span.start;
        for (from, to) in busy {
            covered += to.since(from.max(until)).max(0);
            until = until.max(to);
        }
        Some((end.since(span.start) - covered).max(0))
    }
}

#[cfg(test)]
mod tests {
    use throughline_wire::{SpanId, SpanKind, StatusCode, TraceId};

    use super::*;
    use crate::{SkeletonSpan, TraceSummary};

    fn trace(spans: &[(i64, Option<i64>, i64, i64)]) -> TraceSkeleton {
        let id = |bits| SpanId::from_i64(bits).expect("not zero");
        TraceSkeleton {
            unmarked_spans: 0,
            summary: TraceSummary {
                trace_id: TraceId::from_bytes([1; 16]).expect("not zero"),
                start: UnixNanos::new(0),
                duration_ns: 0,
                root_name: String::new(),
                root_service: String::new(),
                root_kind: SpanKind::Internal,
                root_duration_ns: 0,
                has_root: true,
                services: Vec::new(),
                has_more_services: false,
                span_count: 0,
                error_count: 0,
                error: None,
                open: None,
                is_pinned: false,
                user: None,
                session: None,
                matched_span: None,
            },
            services: Vec::new(),
            completeness: crate::Completeness::default(),
            open: Vec::new(),
            spans: spans
                .iter()
                .map(|&(span_id, parent, start, duration_ns)| SkeletonSpan {
                    span_id: id(span_id),
                    parent_span_id: parent.map(id),
                    name: String::new(),
                    kind: SpanKind::Internal,
                    service: 0,
                    start: UnixNanos::new(start),
                    duration_ns,
                    status: StatusCode::Unset,
                    events: Vec::new(),
                })
                .collect(),
        }
    }

    #[test]
    fn overlapping_children_count_once_and_only_while_the_parent_ran() {
        let skeleton = trace(&[
            (1, None, 0, 100),
            (2, Some(1), 10, 30),
            (3, Some(1), 20, 30),
            (4, Some(1), 90, 500),
            (5, Some(2), 10, 30),
        ]);
        assert_eq!(skeleton.self_time_ns(0), Some(50));
        assert_eq!(skeleton.self_time_ns(1), Some(0));
        assert_eq!(skeleton.self_time_ns(4), Some(30));
        assert_eq!(skeleton.self_time_ns(9), None);
        assert_eq!(skeleton.bounds(), (UnixNanos::new(0), UnixNanos::new(590)));
    }

    #[test]
    fn bounds_are_never_empty() {
        assert_eq!(trace(&[]).bounds(), (UnixNanos::new(0), UnixNanos::new(1)));
        assert_eq!(
            trace(&[(1, None, i64::MAX, i64::MAX)]).bounds().0,
            UnixNanos::new(i64::MAX)
        );
    }
}
