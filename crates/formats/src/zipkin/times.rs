//! Fills in the start of spans without a timestamp. Zipkin allows such spans. Their own data is
//! poor, but they may be the parent of other spans.

use std::collections::HashMap;

use throughline_codec::context::Repairs;
use throughline_wire::{Repair, RepairSet, Span, SpanId, TraceId, UnixNanos};

use super::span::ReadSpan;

/// A span with its index in the request and its repairs.
pub(super) type Sent = (usize, ReadSpan, Repairs);

/// Sets the start of each span that has none. It uses the first of these that exists: the span's
/// first annotation, the start of its nearest ancestor among `spans`, the earliest start of its
/// trace among `spans`. Each change is recorded as a repair. A span without any of these keeps no
/// start, and its end is meaningless.
pub(super) fn fill_in(spans: &mut [Sent]) {
    if spans.iter().all(|(_, read, _)| has_start(&read.span)) {
        return;
    }
    for (_, read, repairs) in &mut *spans {
        let span = &mut read.span;
        let annotated = span.events.iter().map(|event| event.time);
        if !has_start(span)
            && let Some(first) = annotated.filter(|time| time.get() > 0).min()
        {
            start(span, first, &mut repairs.kinds);
        }
    }
    let known = SpanTimes::of(spans);
    for (_, read, repairs) in spans {
        if !has_start(&read.span)
            && let Some(at) = known.around(&read.span)
        {
            start(&mut read.span, at, &mut repairs.kinds);
        }
    }
}

pub(super) fn has_start(span: &Span) -> bool {
    span.start != UnixNanos::default()
}

/// Sets the start of the span to `at`. Its end was computed for a start of 0 and moves along.
fn start(span: &mut Span, at: UnixNanos, repairs: &mut RepairSet) {
    if span.end != UnixNanos::default() {
        span.end = at.saturating_add(span.end.get());
    }
    span.start = at;
    repairs.insert(Repair::StartMissing);
}

/// The times known from a list of spans.
struct SpanTimes {
    /// The start of each span that has one, or else its parent.
    spans: HashMap<(TraceId, SpanId), Result<UnixNanos, Option<SpanId>>>,
    earliest: HashMap<TraceId, UnixNanos>,
}

impl SpanTimes {
    fn of(sent: &[Sent]) -> Self {
        let mut spans = HashMap::new();
        let mut earliest = HashMap::new();
        for (_, ReadSpan { span, .. }, _) in sent {
            let key = (span.trace_id, span.span_id);
            if has_start(span) {
                spans.insert(key, Ok(span.start));
                let first = earliest.entry(span.trace_id).or_insert(span.start);
                *first = span.start.min(*first);
            } else {
                // A sender may send a span in parts. The part with a start wins.
                spans.entry(key).or_insert(Err(span.parent_span_id));
            }
        }
        Self { spans, earliest }
    }

    fn around(&self, span: &Span) -> Option<UnixNanos> {
        /// The maximum number of ancestors without a start that are followed. More are not
        /// plausible.
        const PASSED: usize = 64;
        let mut next = Some(span.span_id);
        for _ in 0..PASSED {
            let Some(id) = next else { break };
            match self.spans.get(&(span.trace_id, id)) {
                Some(Ok(start)) => return Some(*start),
                Some(Err(parent)) => next = *parent,
                None => break,
            }
        }
        self.earliest.get(&span.trace_id).copied()
    }
}
