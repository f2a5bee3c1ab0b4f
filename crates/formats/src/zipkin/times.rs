//! Spans without a timestamp, which Zipkin allows: such a span says so little because its sender
//! lost track of it, but its id may be the parent of others.

use std::collections::HashMap;

use throughline_codec::context::Repairs;
use throughline_wire::{Repair, RepairSet, Span, SpanId, TraceId, UnixNanos};

use super::span::ReadSpan;

type Sent = (usize, ReadSpan, Repairs);

/// Gives each of them the time of its first annotation; else the start of its nearest ancestor
/// among `spans` that has one; else the earliest start in its trace among them. Which is marked. One
/// that even so has no time is left without, and its end says nothing.
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

/// Moves the span, whose end is that of one that began at 0, to `at`.
fn start(span: &mut Span, at: UnixNanos, repairs: &mut RepairSet) {
    if span.end != UnixNanos::default() {
        span.end = at.saturating_add(span.end.get());
    }
    span.start = at;
    repairs.insert(Repair::StartMissing);
}

/// What is known of the spans of a list.
struct SpanTimes {
    /// The start of those that have one, and the parent of the others.
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
                // A span may be sent in parts: the one that has a start tells.
                spans.entry(key).or_insert(Err(span.parent_span_id));
            }
        }
        Self { spans, earliest }
    }

    fn around(&self, span: &Span) -> Option<UnixNanos> {
        /// Ancestors without a start that are passed: who has more of them writes nonsense.
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
