//! Joins parts of one span that were sent in several requests.
//!
//! A Zipkin reporter sends a part when it flushes a span before its end, or when it records more of
//! a span that it has sent already. Parts agree in id, service and kind. All but one have no
//! duration, which distinguishes them from two spans that share an id by mistake.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use throughline_wire::StatusCode;

use crate::SkeletonSpan;

/// Joins each span without a duration to the span with a duration of the same id, service and kind.
/// The result does not depend on the order of the spans.
pub fn join_parts(mut spans: Vec<SkeletonSpan>) -> Vec<SkeletonSpan> {
    // The longest is first: the others are its parts. The rest of the order makes the result the
    // same for every order of arrival.
    spans.sort_by(|a, b| {
        let key = |span: &SkeletonSpan| (core::cmp::Reverse(span.duration_ns), span.start);
        key(a)
            .cmp(&key(b))
            .then_with(|| (&a.name, a.parent_span_id).cmp(&(&b.name, b.parent_span_id)))
    });
    let mut wholes: Vec<SkeletonSpan> = Vec::with_capacity(spans.len());
    let mut places: HashMap<_, usize> = HashMap::with_capacity(spans.len());
    for span in spans {
        match places.entry((span.span_id, span.service, span.kind)) {
            Entry::Occupied(place) => match wholes.get_mut(*place.get()) {
                Some(whole) if whole.duration_ns > 0 && span.duration_ns == 0 => join(whole, span),
                _ => wholes.push(span),
            },
            Entry::Vacant(place) => {
                place.insert(wholes.len());
                wholes.push(span);
            }
        }
    }
    wholes
}

fn join(whole: &mut SkeletonSpan, part: SkeletonSpan) {
    let end = whole
        .start
        .saturating_add(whole.duration_ns)
        .max(part.start);
    whole.start = whole.start.min(part.start);
    whole.duration_ns = end.since(whole.start);
    if whole.name.is_empty() {
        whole.name = part.name;
    }
    whole.parent_span_id = whole.parent_span_id.or(part.parent_span_id);
    if part.status == StatusCode::Error || whole.status == StatusCode::Unset {
        whole.status = part.status;
    }
    whole.events.extend(part.events);
    whole.events.sort();
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use throughline_wire::{SpanId, SpanKind, UnixNanos};

    use super::*;

    fn span(id: u8, service: u32, start: i64, duration_ns: i64) -> SkeletonSpan {
        SkeletonSpan {
            span_id: SpanId::from_bytes([id; 8]).expect("not zero"),
            parent_span_id: None,
            name: String::new(),
            kind: SpanKind::Client,
            service,
            start: UnixNanos::new(start),
            duration_ns,
            status: StatusCode::Unset,
            events: vec![(UnixNanos::new(start), format!("at {start}"))],
        }
    }

    fn shown(span: &SkeletonSpan) -> (i64, i64, usize) {
        (span.start.get(), span.duration_ns, span.events.len())
    }

    proptest! {
        #[test]
        fn parts_become_one_span_in_any_order(
            order in Just([0_usize, 1, 2, 3]).prop_shuffle(),
        ) {
            let mut named = span(1, 0, 5, 0);
            named.name = "get".to_owned();
            named.parent_span_id = SpanId::from_bytes([9; 8]).ok();
            let mut failed = span(1, 0, 20, 0);
            failed.status = StatusCode::Error;
            let all = [span(1, 0, 10, 30), named, failed, span(1, 0, 60, 0)];
            let sent = order.map(|at| all[at].clone()).to_vec();
            let joined = join_parts(sent);
            prop_assert_eq!(joined.len(), 1);
            prop_assert_eq!(shown(&joined[0]), (5, 55, 4));
            prop_assert_eq!(&joined[0].name, "get");
            prop_assert_eq!(joined[0].status, StatusCode::Error);
            prop_assert!(joined[0].parent_span_id.is_some());
            prop_assert!(joined[0].events.is_sorted());
        }
    }

    #[test]
    fn other_spans_stay_as_they_are() {
        let mut server = span(1, 0, 10, 0);
        server.kind = SpanKind::Server;
        let sent = vec![
            span(1, 0, 10, 30),
            // Another service, another kind, another id, and a second one with a duration.
            span(1, 1, 10, 0),
            server,
            span(2, 0, 10, 0),
            span(1, 0, 11, 5),
            // No span of this id has a duration.
            span(3, 0, 10, 0),
            span(3, 0, 12, 0),
        ];
        assert_eq!(join_parts(sent).len(), 7);
    }
}
