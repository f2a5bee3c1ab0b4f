//! Makes untrusted spans safe to store: repairs a span where possible and rejects it otherwise.
//!
//! Every repair is recorded by name in the attribute `throughline.repairs` of its span, resource or
//! scope, so that readers can tell a repaired value from a measured one.
//!
//! A span without repairs costs one pass over its text and no allocation.

mod log;
mod part;
mod reject;
mod text;
mod times;
mod value;

#[cfg(test)]
mod tests;

pub use log::validate_log;
pub use reject::RejectReason;

use throughline_wire::{
    AttributeValue, Attributes, InstrumentationScope, Limits, Repair, RepairSet, Resource, Span,
    SpanEvent, SpanLink, SpanStart, UnixNanos, semconv,
};

use crate::budget::PartBudget;
use crate::context::Repairs;

/// Validates and repairs `span`.
///
/// `now` is the server's clock. If the sender's clock offset is known, pass the server's time on
/// the sender's clock. `repairs` are those of the decoder.
///
/// A span that is its own parent is stored as sent, with a repair; the views cut cycles. An empty
/// name is allowed.
///
/// # Errors
/// Fails if the times are invalid or too far ahead; see [`RejectReason`].
pub fn validate(
    mut span: Span,
    limits: &Limits,
    now: UnixNanos,
    repairs: Repairs,
) -> Result<Span, RejectReason> {
    let mut notes = Notes::take(repairs, &mut span.attributes, limits);
    let known_end = span.attributes.remove(semconv::SENT_END_NS);
    let sent_end = times::repair(&mut span, limits, now, &mut notes)?;
    if span.parent_span_id == Some(span.span_id) {
        notes.insert(Repair::ParentIsSelf);
    }
    text::repair_name(&mut span.name, limits, &mut notes);
    text::repair_value(&mut span.status.message, limits.value_bytes, &mut notes);
    text::repair_value(&mut span.trace_state, limits.trace_state_bytes, &mut notes);
    repair_attributes(
        &mut span.attributes,
        &mut span.dropped_attributes_count,
        limits,
        &mut notes,
    );
    let dropped = truncate(&mut span.events, limits.events);
    if dropped > 0 {
        notes.insert(Repair::EventsDropped);
        span.dropped_events_count = span.dropped_events_count.saturating_add(dropped);
    }
    for event in &mut span.events {
        repair_event(event, span.start, limits, &mut notes);
    }
    let dropped = truncate(&mut span.links, limits.links);
    if dropped > 0 {
        notes.insert(Repair::LinksDropped);
        span.dropped_links_count = span.dropped_links_count.saturating_add(dropped);
    }
    for link in &mut span.links {
        repair_link(link, limits, &mut notes);
    }
    if let Some(end) = sent_end
        .map(|end| AttributeValue::Int(end.get()))
        .or(known_end)
    {
        span.attributes
            .push_unchecked(semconv::SENT_END_NS.into(), end);
    }
    notes.put(&mut span.attributes);
    Ok(span)
}

/// Validates and repairs a start like a span that ends at its start time.
///
/// # Errors
/// Fails like [`validate`].
pub fn validate_start(
    start: SpanStart,
    limits: &Limits,
    now: UnixNanos,
    repairs: Repairs,
) -> Result<SpanStart, RejectReason> {
    let span = validate(start.into_span(), limits, now, repairs)?;
    Ok(SpanStart::of(&span))
}

/// Repairs a resource, with the limits on attributes, and drops the attributes that are not within
/// the budget. The name of its service stays.
pub fn validate_resource(
    mut resource: Resource,
    limits: &Limits,
    repairs: Repairs,
    budget: &mut PartBudget,
) -> Resource {
    let mut notes = Notes::take(repairs, &mut resource.attributes, limits);
    if resource.listed_service() != resource.service_name() {
        notes.insert(Repair::NameCut);
    }
    text::repair_name(&mut resource.schema_url, limits, &mut notes);
    repair_attributes(
        &mut resource.attributes,
        &mut resource.dropped_attributes_count,
        limits,
        &mut notes,
    );
    part::bound(
        &mut resource.attributes,
        &mut resource.dropped_attributes_count,
        budget,
        &mut notes,
    );
    notes.put(&mut resource.attributes);
    resource
}

/// Repairs an instrumentation scope, with the limits on attributes and on names, and drops the
/// attributes that are not within the budget.
pub fn validate_scope(
    mut scope: InstrumentationScope,
    limits: &Limits,
    repairs: Repairs,
    budget: &mut PartBudget,
) -> InstrumentationScope {
    let mut notes = Notes::take(repairs, &mut scope.attributes, limits);
    for text in [&mut scope.name, &mut scope.version, &mut scope.schema_url] {
        text::repair_name(text, limits, &mut notes);
    }
    repair_attributes(
        &mut scope.attributes,
        &mut scope.dropped_attributes_count,
        limits,
        &mut notes,
    );
    part::bound(
        &mut scope.attributes,
        &mut scope.dropped_attributes_count,
        budget,
        &mut notes,
    );
    notes.put(&mut scope.attributes);
    scope
}

fn repair_event(event: &mut SpanEvent, start: UnixNanos, limits: &Limits, notes: &mut Notes) {
    if event.time <= UnixNanos::default() {
        event.time = start;
        notes.insert(Repair::EventTimeMissing);
    }
    text::repair_name(&mut event.name, limits, notes);
    repair_attributes(
        &mut event.attributes,
        &mut event.dropped_attributes_count,
        limits,
        notes,
    );
}

fn repair_link(link: &mut SpanLink, limits: &Limits, notes: &mut Notes) {
    text::repair_value(&mut link.trace_state, limits.trace_state_bytes, notes);
    repair_attributes(
        &mut link.attributes,
        &mut link.dropped_attributes_count,
        limits,
        notes,
    );
}

fn repair_attributes(
    attributes: &mut Attributes,
    dropped_count: &mut u32,
    limits: &Limits,
    notes: &mut Notes,
) {
    let entries = attributes.entries_mut();
    let mut dropped = truncate(entries, limits.attributes);
    let mut keys_changed = false;
    for (key, value) in entries {
        keys_changed |= text::repair_key(key, limits, notes);
        value::repair(value, limits, notes);
    }
    if keys_changed {
        dropped = dropped.saturating_add(attributes.unify() as u32);
    }
    if dropped > 0 {
        notes.insert(Repair::AttributesDropped);
        *dropped_count = dropped_count.saturating_add(dropped);
    }
}

/// Drops the items over `limit` and returns their number.
fn truncate<T>(items: &mut Vec<T>, limit: usize) -> u32 {
    let dropped = items.len().saturating_sub(limit);
    items.truncate(limit);
    u32::try_from(dropped).unwrap_or(u32::MAX)
}

/// The repairs made so far in one item.
#[derive(Debug)]
struct Notes {
    kinds: RepairSet,
    /// The number of bytes cut from values.
    cut_bytes: u64,
}

impl Notes {
    /// Starts with the repairs of the decoder and moves the repairs listed in `attributes` here. A
    /// sender or an earlier validation may have listed them. Unknown names are dropped.
    fn take(repairs: Repairs, attributes: &mut Attributes, limits: &Limits) -> Self {
        let earlier = RepairSet::of(attributes);
        attributes.remove(semconv::REPAIRS);
        let mut kinds = repairs.kinds;
        kinds.extend(earlier);
        let was_cut = earlier.contains(Repair::ValueCut);
        // The look-up is rare: only few spans have a cut value.
        let cut_bytes = if was_cut {
            attributes
                .remove(semconv::CUT_BYTES)
                .filter(|_| limits.believes_cuts)
                .and_then(|value| value.as_int())
                .map_or(0, |bytes| bytes.max(0).unsigned_abs())
        } else {
            0
        };
        let mut notes = Self { kinds, cut_bytes };
        // If the item was validated before, `cut_bytes` already counts the items that the decoder
        // left out.
        if repairs.cut_items > 0 && !(was_cut && limits.believes_cuts) {
            notes.cut(repairs.cut_items);
        }
        notes
    }

    fn insert(&mut self, repair: Repair) {
        self.kinds.insert(repair);
    }

    /// Records that `bytes` bytes of a value were cut.
    fn cut(&mut self, bytes: usize) {
        self.insert(Repair::ValueCut);
        self.cut_bytes = self.cut_bytes.saturating_add(bytes as u64);
    }

    fn put(self, attributes: &mut Attributes) {
        if self.cut_bytes > 0 {
            let bytes = i64::try_from(self.cut_bytes).unwrap_or(i64::MAX);
            // A sender may have set this attribute without cutting anything.
            attributes.remove(semconv::CUT_BYTES);
            attributes.push_unchecked(semconv::CUT_BYTES.into(), bytes.into());
        }
        if !self.kinds.is_empty() {
            attributes.push_unchecked(semconv::REPAIRS.into(), self.kinds.to_value());
        }
    }
}
