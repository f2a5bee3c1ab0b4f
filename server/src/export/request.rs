//! Spans and log records as OTLP requests of a bounded size, each without a line break.

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
    bounded(&trace.spans).map(|spans| encode_json(&grouped(spans, &trace.resources, &trace.scopes)))
}

/// Returns the requests for the log records of a page.
pub fn log_requests(page: &WholeEvents) -> impl Iterator<Item = Vec<u8>> + '_ {
    bounded(&page.events)
        .map(|events| encode_logs_json(&grouped(events, &page.resources, &page.scopes)))
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
            attributes,
            events,
            links,
            ..
        } = &self.span;
        let events = events.iter().map(|event| &event.attributes);
        let links = links.iter().map(|link| &link.attributes);
        let lists = events.chain(links).chain([attributes]);
        lists.map(attributes_memory_bytes).sum()
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
        value_memory_bytes(&self.record.body) + attributes_memory_bytes(&self.record.attributes)
    }
}

/// Splits `items` into the items of one request each.
fn bounded<T: Stored>(items: &[T]) -> impl Iterator<Item = &[T]> {
    let mut left = items;
    core::iter::from_fn(move || {
        if left.is_empty() {
            return None;
        }
        let (now, later) = left.split_at(fitting(left));
        left = later;
        Some(now)
    })
}

fn fitting<T: Stored>(items: &[T]) -> usize {
    let mut bytes = 0;
    let fitting = items
        .iter()
        .take(REQUEST_ITEMS)
        .take_while(|item| {
            bytes += item.memory_bytes();
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
