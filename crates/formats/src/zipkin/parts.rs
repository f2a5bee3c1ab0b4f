//! Merges spans that were sent in several parts.
//!
//! A reporter sends a part when it flushes a span before the span ended, or when several libraries
//! record one operation. Parts agree in trace, span id, service and kind.

use core::cmp::Reverse;
use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use throughline_wire::{
    AttributeValue, Span, SpanEvent, SpanId, SpanKind, StatusCode, TraceId, UnixNanos,
};

use super::span::ReadSpan;
use super::times::{Sent, has_start};

/// The value that all parts of a span share.
type Key = (TraceId, SpanId, SpanKind, String);

/// A part with the JSON that was sent, which orders parts that begin and end alike.
type Part<'a> = (Sent, &'a str);

/// Replaces the parts of each span by one span, at the place of its first part. `texts` has the
/// JSON of each span. The result does not depend on the order of the parts.
pub(super) fn merge(spans: Vec<Sent>, texts: &[&str]) -> Vec<Sent> {
    let mut at: HashMap<Key, usize> = HashMap::with_capacity(spans.len());
    let mut wholes: Vec<Vec<Part<'_>>> = Vec::with_capacity(spans.len());
    for (sent, text) in spans.into_iter().zip(texts) {
        // It will be rejected, and must not take other parts with it.
        if sent.1.span.start < UnixNanos::default() {
            wholes.push(vec![(sent, *text)]);
            continue;
        }
        match at.entry(key(&sent.1)) {
            Entry::Occupied(known) => wholes[*known.get()].push((sent, *text)),
            Entry::Vacant(new) => {
                new.insert(wholes.len());
                wholes.push(vec![(sent, *text)]);
            }
        }
    }
    wholes.into_iter().filter_map(merge_parts).collect()
}

fn key(read: &ReadSpan) -> Key {
    let span = &read.span;
    let service = read.service.clone();
    (span.trace_id, span.span_id, span.kind, service)
}

fn merge_parts(mut parts: Vec<Part<'_>>) -> Option<Sent> {
    let place = parts.iter().map(|((place, ..), _)| *place).min()?;
    // The part that starts first is first; of those, the longest. Its values precede.
    parts.sort_by(|((_, a, _), a_text), ((_, b, _), b_text)| {
        let order = |read: &ReadSpan| {
            let span = &read.span;
            (!has_start(span), span.start, Reverse(span.end))
        };
        (order(a), a_text).cmp(&(order(b), b_text))
    });
    let is_whole = parts.len() == 1;
    let mut parts = parts.into_iter().map(|(sent, _)| sent);
    let (_, mut whole, mut repairs) = parts.next()?;
    if is_whole {
        return Some((place, whole, repairs));
    }
    let mut attributes = BTreeMap::new();
    add_attributes(&mut attributes, &mut whole.span);
    for (_, mut part, part_repairs) in parts {
        add_attributes(&mut attributes, &mut part.span);
        add(&mut whole, part);
        repairs.kinds.extend(part_repairs.kinds);
        repairs.cut_items += part_repairs.cut_items;
    }
    let span = &mut whole.span;
    span.attributes = attributes.into_iter().collect();
    let at = |event: &SpanEvent| (event.time, event.name.clone());
    span.events.sort_by_cached_key(at);
    span.events.dedup_by_key(|event| at(event));
    Some((place, whole, repairs))
}

fn add_attributes(all: &mut BTreeMap<Cow<'static, str>, AttributeValue>, span: &mut Span) {
    for (key, value) in span.attributes.entries_mut().drain(..) {
        all.entry(key).or_insert(value);
    }
}

/// Adds everything but the attributes of `part`, which starts after `whole` or has no start.
fn add(whole: &mut ReadSpan, part: ReadSpan) {
    let (span, added) = (&mut whole.span, part.span);
    let end = if has_start(span) && !has_start(&added) && added.end != UnixNanos::default() {
        // The end was computed for a start of 0.
        span.start.saturating_add(added.end.get())
    } else {
        added.end
    };
    span.end = span.end.max(end);
    if span.name.is_empty() {
        span.name = added.name;
    }
    span.parent_span_id = span.parent_span_id.or(added.parent_span_id);
    let rank = |code| match code {
        StatusCode::Unset => 0,
        StatusCode::Ok => 1,
        StatusCode::Error => 2,
    };
    if rank(added.status.code) > rank(span.status.code) {
        span.status = added.status;
    }
    span.events.extend(added.events);
    for (count, added) in [
        (
            &mut span.dropped_attributes_count,
            added.dropped_attributes_count,
        ),
        (&mut span.dropped_events_count, added.dropped_events_count),
    ] {
        *count = count.saturating_add(added);
    }
    if whole.scope_name.is_empty() {
        whole.scope_name = part.scope_name;
        whole.scope_version = part.scope_version;
    }
}
