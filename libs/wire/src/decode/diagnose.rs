//! Finds which field of a bad span is bad; runs only for spans that are rejected.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::error::message;
use crate::{Attributes, SpanEvent, SpanId, SpanKind, SpanLink, Status, TraceId, UnixNanos};

macro_rules! fields {
    ($($field:ident: $type:ty),+ $(,)?) => {
        #[derive(Deserialize)]
        struct Fields<'a> {
            $(#[serde(borrow, default, deserialize_with = "present")]
            $field: Option<&'a RawValue>,)+
            #[serde(borrow, default, deserialize_with = "present")]
            events: Option<&'a RawValue>,
            #[serde(borrow, default, deserialize_with = "present")]
            links: Option<&'a RawValue>,
        }

        impl Fields<'_> {
            fn first_bad(&self) -> Option<String> {
                $(if let Some(found) = bad::<$type>(stringify!($field), self.$field) {
                    return Some(found);
                })+
                bad_item::<SpanEvent>("events", self.events)
                    .or_else(|| bad_item::<SpanLink>("links", self.links))
            }
        }
    };
}

fields! {
    trace_id: TraceId,
    span_id: SpanId,
    parent_span_id: Option<SpanId>,
    trace_state: Cow<'static, str>,
    flags: u32,
    name: Cow<'static, str>,
    kind: SpanKind,
    start_ns: UnixNanos,
    end_ns: UnixNanos,
    status: Status,
    attributes: Attributes,
    dropped_attributes_count: u32,
    dropped_events_count: u32,
    dropped_links_count: u32,
}

/// Reads a field that is there; a `null` too, which an `Option` would take for a missing one.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

fn bad<T: DeserializeOwned>(name: &str, raw: Option<&RawValue>) -> Option<String> {
    let error = serde_json::from_str::<T>(raw?.get()).err()?;
    Some(format!("{name}: {}", message(&error)))
}

fn bad_item<T: DeserializeOwned>(name: &str, raw: Option<&RawValue>) -> Option<String> {
    let raw = raw?.get();
    match serde_json::from_str::<Vec<&RawValue>>(raw) {
        Ok(items) => items.iter().enumerate().find_map(|(index, item)| {
            let error = serde_json::from_str::<T>(item.get()).err()?;
            Some(format!("{name}[{index}]: {}", message(&error)))
        }),
        Err(error) => Some(format!("{name}: {}", message(&error))),
    }
}

/// Why `raw` is not a span: the field and what is wrong with it, or what `error` says when no one
/// field is at fault.
pub(super) fn span(raw: &str, error: &serde_json::Error) -> String {
    // A derived reader would take an array for fields in order.
    raw.starts_with('{')
        .then(|| serde_json::from_str::<Fields<'_>>(raw).ok())
        .flatten()
        .and_then(|fields| fields.first_bad())
        .unwrap_or_else(|| message(error))
}
