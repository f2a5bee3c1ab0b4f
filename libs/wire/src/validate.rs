//! Makes what strangers send safe to store: repairs and marks what can be kept, rejects the rest.
//!
//! Every repair is a word in the attribute `throughline.marks` of the span (or resource, or scope)
//! it was made in, so that nobody takes a repaired value for a measured one.
//!
//! A span with nothing to repair passes without an allocation, at the cost of one pass over its
//! text.

mod limits;
mod log;
mod reject;
mod text;
mod times;
mod value;

#[cfg(test)]
mod tests;

pub use limits::Limits;
pub use log::validate_log;
pub use reject::RejectReason;

pub use crate::mark::{Mark, Marks};

use crate::{
    AttributeValue, Attributes, InstrumentationScope, Resource, Span, SpanEvent, SpanLink,
    SpanStart, UnixNanos, semconv,
};

/// Repairs `span`, or says why it cannot be kept.
///
/// `now` is the server's clock; for a sender whose clock offset is known, pass the server's clock
/// as that sender would read it. `marks` are those that decoding made.
///
/// A span whose parent is itself is stored as sent, with a mark: the views cut cycles. An empty
/// name is kept.
///
/// # Errors
/// When its times are no times, or lie too far ahead; see [`RejectReason`].
pub fn validate(
    mut span: Span,
    limits: &Limits,
    now: UnixNanos,
    marks: Marks,
) -> Result<Span, RejectReason> {
    let mut marks = marks;
    marks.extend(take_marks(&mut span.attributes));
    let known_end = span.attributes.remove(semconv::SENT_END_NS);
    let sent_end = times::repair(&mut span, limits, now, &mut marks)?;
    if span.parent_span_id == Some(span.span_id) {
        marks.insert(Mark::ParentIsSelf);
    }
    text::repair_name(&mut span.name, limits, &mut marks);
    text::repair_value(&mut span.status.message, limits.value_bytes, &mut marks);
    text::repair_value(&mut span.trace_state, limits.trace_state_bytes, &mut marks);
    repair_attributes(
        &mut span.attributes,
        &mut span.dropped_attributes_count,
        limits,
        &mut marks,
    );
    let dropped = truncate(&mut span.events, limits.events);
    if dropped > 0 {
        marks.insert(Mark::EventsDropped);
        span.dropped_events_count = span.dropped_events_count.saturating_add(dropped);
    }
    for event in &mut span.events {
        repair_event(event, span.start, limits, &mut marks);
    }
    let dropped = truncate(&mut span.links, limits.links);
    if dropped > 0 {
        marks.insert(Mark::LinksDropped);
        span.dropped_links_count = span.dropped_links_count.saturating_add(dropped);
    }
    for link in &mut span.links {
        repair_link(link, limits, &mut marks);
    }
    if let Some(end) = sent_end
        .map(|end| AttributeValue::Int(end.get()))
        .or(known_end)
    {
        span.attributes
            .push_unchecked(semconv::SENT_END_NS.into(), end);
    }
    put_marks(&mut span.attributes, marks);
    Ok(span)
}

/// Repairs a start, or says why it cannot be kept: as a span that ended where it began.
///
/// # Errors
/// As [`validate`].
pub fn validate_start(
    start: SpanStart,
    limits: &Limits,
    now: UnixNanos,
    marks: Marks,
) -> Result<SpanStart, RejectReason> {
    let span = validate(start.into_span(), limits, now, marks)?;
    Ok(SpanStart::of(&span))
}

/// Repairs a resource: the same limits on its attributes.
pub fn validate_resource(mut resource: Resource, limits: &Limits, marks: Marks) -> Resource {
    let mut marks = marks;
    marks.extend(take_marks(&mut resource.attributes));
    text::repair_name(&mut resource.schema_url, limits, &mut marks);
    repair_attributes(
        &mut resource.attributes,
        &mut resource.dropped_attributes_count,
        limits,
        &mut marks,
    );
    put_marks(&mut resource.attributes, marks);
    resource
}

/// Repairs an instrumentation scope: the same limits on its attributes, that of a name on its
/// texts.
pub fn validate_scope(
    mut scope: InstrumentationScope,
    limits: &Limits,
    marks: Marks,
) -> InstrumentationScope {
    let mut marks = marks;
    marks.extend(take_marks(&mut scope.attributes));
    for text in [&mut scope.name, &mut scope.version, &mut scope.schema_url] {
        text::repair_name(text, limits, &mut marks);
    }
    repair_attributes(
        &mut scope.attributes,
        &mut scope.dropped_attributes_count,
        limits,
        &mut marks,
    );
    put_marks(&mut scope.attributes, marks);
    scope
}

fn repair_event(event: &mut SpanEvent, start: UnixNanos, limits: &Limits, marks: &mut Marks) {
    if event.time <= UnixNanos::default() {
        event.time = start;
        marks.insert(Mark::EventTimeMissing);
    }
    text::repair_name(&mut event.name, limits, marks);
    repair_attributes(
        &mut event.attributes,
        &mut event.dropped_attributes_count,
        limits,
        marks,
    );
}

fn repair_link(link: &mut SpanLink, limits: &Limits, marks: &mut Marks) {
    text::repair_value(&mut link.trace_state, limits.trace_state_bytes, marks);
    repair_attributes(
        &mut link.attributes,
        &mut link.dropped_attributes_count,
        limits,
        marks,
    );
}

fn repair_attributes(
    attributes: &mut Attributes,
    dropped_count: &mut u32,
    limits: &Limits,
    marks: &mut Marks,
) {
    let entries = attributes.entries_mut();
    let mut dropped = truncate(entries, limits.attributes);
    let mut keys_changed = false;
    for (key, value) in entries {
        keys_changed |= text::repair_key(key, limits, marks);
        value::repair(value, limits, marks);
    }
    if keys_changed {
        dropped = dropped.saturating_add(attributes.unify() as u32);
    }
    if dropped > 0 {
        marks.insert(Mark::AttributesDropped);
        *dropped_count = dropped_count.saturating_add(dropped);
    }
}

/// Drops what is beyond `limit`; how many that were.
fn truncate<T>(items: &mut Vec<T>, limit: usize) -> u32 {
    let dropped = items.len().saturating_sub(limit);
    items.truncate(limit);
    u32::try_from(dropped).unwrap_or(u32::MAX)
}

/// Takes out the marks a sender, or an earlier validation, made; words that are no marks go.
fn take_marks(attributes: &mut Attributes) -> Marks {
    let marks = Marks::of(attributes);
    attributes.remove(semconv::MARKS);
    marks
}

fn put_marks(attributes: &mut Attributes, marks: Marks) {
    if !marks.is_empty() {
        attributes.push_unchecked(semconv::MARKS.into(), marks.to_value());
    }
}
