//! Spans and log records as OTLP requests of a bounded size, each without a line break.

use std::collections::HashSet;

use throughline_formats::otlp::{ItemsOf, encode_json, encode_logs_json};
use throughline_model::{StoredSpan, Trace, WholeEvent, WholeEvents};
use throughline_wire::{
    AttributeValue, Attributes, InstrumentationScope, LogRecord, Resource, Span,
};

/// The most spans, or log records, of a request.
const REQUEST_ITEMS: usize = 1_000;
/// The approximate size in bytes at which a request is full.
const REQUEST_BYTES: usize = 4 << 20;

/// Returns the requests for the spans of a trace.
pub fn span_requests(trace: &Trace) -> impl Iterator<Item = Vec<u8>> + '_ {
    let (resources, scopes) = (&trace.resources, &trace.scopes);
    bounded(&trace.spans, resources, scopes)
        .map(move |spans| encode_json(&grouped(spans, resources, scopes)))
}

/// Returns the requests for the log records of a page.
pub fn log_requests(page: &WholeEvents) -> impl Iterator<Item = Vec<u8>> + '_ {
    let (resources, scopes) = (&page.resources, &page.scopes);
    bounded(&page.events, resources, scopes)
        .map(move |events| encode_logs_json(&grouped(events, resources, scopes)))
}

/// An item of a request, in the form that the store returns.
trait Stored {
    type Item;
    fn item(&self) -> &Self::Item;
    /// Returns the indexes of its resource and of its scope.
    fn origin(&self) -> (u32, u32);
    /// Returns the approximate number of bytes of its text.
    fn memory_bytes(&self) -> usize;
}

impl Stored for StoredSpan {
    type Item = Span;

    fn item(&self) -> &Span {
        &self.span
    }

    fn origin(&self) -> (u32, u32) {
        (self.resource, self.scope)
    }

    fn memory_bytes(&self) -> usize {
        let Span {
            name,
            trace_state,
            status,
            attributes,
            events,
            links,
            ..
        } = &self.span;
        let names = events.iter().map(|event| &event.name);
        let states = links.iter().map(|link| &link.trace_state);
        let texts = names
            .chain(states)
            .chain([name, trace_state, &status.message]);
        let events = events.iter().map(|event| &event.attributes);
        let links = links.iter().map(|link| &link.attributes);
        let lists = events.chain(links).chain([attributes]);
        let texts: usize = texts.map(|text| text.len()).sum();
        texts + lists.map(attributes_memory_bytes).sum::<usize>()
    }
}

impl Stored for WholeEvent {
    type Item = LogRecord;

    fn item(&self) -> &LogRecord {
        &self.record
    }

    fn origin(&self) -> (u32, u32) {
        (self.resource, self.scope)
    }

    fn memory_bytes(&self) -> usize {
        let record = &self.record;
        record.severity_text.len()
            + record.event_name.len()
            + value_memory_bytes(&record.body)
            + attributes_memory_bytes(&record.attributes)
    }
}

/// Splits `items` into the items of one request each.
fn bounded<'a, T: Stored>(
    items: &'a [T],
    resources: &'a [Resource],
    scopes: &'a [InstrumentationScope],
) -> impl Iterator<Item = &'a [T]> {
    let mut left = items;
    core::iter::from_fn(move || {
        if left.is_empty() {
            return None;
        }
        let (now, later) = left.split_at(fitting(left, resources, scopes));
        left = later;
        Some(now)
    })
}

/// Returns the number of leading items of one request. It is at least one. A request contains each
/// resource of its items once, and each scope once for each resource.
fn fitting<T: Stored>(
    items: &[T],
    resources: &[Resource],
    scopes: &[InstrumentationScope],
) -> usize {
    let mut bytes = 0;
    let (mut known_resources, mut known_places) = (HashSet::new(), HashSet::new());
    let fitting = items
        .iter()
        .take(REQUEST_ITEMS)
        .take_while(|item| {
            bytes += item.memory_bytes();
            let (resource, scope) = item.origin();
            if known_resources.insert(resource) {
                let resource = resources.get(resource as usize);
                bytes += resource.map_or(0, |part| attributes_memory_bytes(&part.attributes));
            }
            if known_places.insert((resource, scope)) {
                let scope = scopes.get(scope as usize);
                bytes += scope.map_or(0, |part| attributes_memory_bytes(&part.attributes));
            }
            bytes <= REQUEST_BYTES
        })
        .count();
    fitting.max(1)
}

fn grouped<'a, T: Stored>(
    items: &'a [T],
    resources: &'a [Resource],
    scopes: &'a [InstrumentationScope],
) -> Vec<ItemsOf<'a, T::Item>> {
    let mut sorted: Vec<&T> = items.iter().collect();
    // The sort is stable, so the order within a scope stays.
    sorted.sort_by_key(|item| item.origin());
    sorted
        .chunk_by(|one, next| one.origin() == next.origin())
        .filter_map(|group| {
            let (resource, scope) = group.first()?.origin();
            Some(ItemsOf {
                resource: resources.get(resource as usize)?,
                scope: scopes.get(scope as usize)?,
                items: group.iter().map(|item| item.item()).collect(),
            })
        })
        .collect()
}

fn attributes_memory_bytes(attributes: &Attributes) -> usize {
    attributes
        .iter()
        .map(|(key, value)| key.len() + value_memory_bytes(value))
        .sum()
}

fn value_memory_bytes(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::Str(text) => text.len(),
        AttributeValue::Bytes(bytes) => bytes.len() * 4 / 3,
        AttributeValue::Array(values) => values.iter().map(value_memory_bytes).sum(),
        AttributeValue::Map(entries) => attributes_memory_bytes(entries),
        _ => 8,
    }
}
