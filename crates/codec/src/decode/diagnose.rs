//! Finds which field of a bad span is bad; runs only for spans that are rejected.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use throughline_wire::{SpanId, SpanKind, Status, StatusCode, TraceId, UnixNanos};

use super::error::message;
use super::native::{NativeEvent, NativeLink};
use crate::context::DecodeContext;
use crate::json::{FirstItems, NativeAttributes, NativeValue, ReadJson, parse};

/// Longest value quoted in a reason.
const MAX_QUOTED_CHARS: usize = 60;

/// Finds the first bad field of an object's text; its name begins with the first argument.
type Find = fn(&str, &str) -> Option<String>;

/// A function that reads each field by itself, with `bad` or with the function after the type.
macro_rules! fields {
    ($find:ident { $($field:ident: $type:ty $(=> $with:expr)?),+ $(,)? }) => {
        fn $find(prefix: &str, raw: &str) -> Option<String> {
            #[derive(Deserialize)]
            struct Fields<'a> {
                $(#[serde(borrow, default, deserialize_with = "present")]
                $field: Option<&'a RawValue>,)+
            }

            // A derived reader would take an array for fields in order.
            let fields: Fields<'_> = raw
                .starts_with('{')
                .then(|| serde_json::from_str(raw).ok())
                .flatten()?;
            $(if let Some(raw) = fields.$field {
                let name = format!("{prefix}{}", stringify!($field));
                let find: fn(&str, &str) -> Option<String> = fields!(@with $type $(, $with)?);
                if let Some(found) = find(&name, raw.get()) {
                    return Some(found);
                }
            })+
            None
        }
    };
    (@with $type:ty) => { bad::<$type> };
    (@with $type:ty, $with:expr) => { $with };
}

fields! {
    span_field {
        trace_id: TraceId,
        span_id: SpanId,
        parent_span_id: Option<SpanId>,
        trace_state: Cow<'static, str>,
        flags: u32,
        name: Cow<'static, str>,
        kind: SpanKind => |name, raw| bad_word::<SpanKind>(name, raw, &KINDS),
        start_ns: UnixNanos,
        end_ns: UnixNanos,
        status: Status => |name, raw| bad_object::<Status>(name, raw, status_field),
        attributes: NativeAttributes,
        dropped_attributes_count: u32,
        dropped_events_count: u32,
        dropped_links_count: u32,
        events: NativeEvent => |name, raw| bad_item::<NativeEvent>(name, raw, event_field),
        links: NativeLink => |name, raw| bad_item::<NativeLink>(name, raw, link_field),
        sequence: Option<u64>,
    }
}

fields! {
    start_field {
        trace_id: TraceId,
        span_id: SpanId,
        parent_span_id: Option<SpanId>,
        flags: u32,
        name: Cow<'static, str>,
        kind: SpanKind => |name, raw| bad_word::<SpanKind>(name, raw, &KINDS),
        start_ns: UnixNanos,
        attributes: NativeAttributes,
        sequence: Option<u64>,
    }
}

fields! {
    log_field {
        time_ns: UnixNanos,
        observed_ns: UnixNanos,
        trace_id: Option<TraceId>,
        span_id: Option<SpanId>,
        parent_span_id: Option<SpanId>,
        flags: u32,
        severity_number: i64,
        severity_text: Cow<'static, str>,
        event_name: Cow<'static, str>,
        body: NativeValue,
        attributes: NativeAttributes,
        dropped_attributes_count: u32,
    }
}

fields! {
    status_field {
        code: StatusCode => |name, raw| bad_word::<StatusCode>(name, raw, &STATUS_CODES),
        message: Cow<'static, str>,
    }
}

fields! {
    event_field {
        time_ns: UnixNanos,
        name: Cow<'static, str>,
        attributes: NativeAttributes,
        dropped_attributes_count: u32,
    }
}

fields! {
    link_field {
        trace_id: TraceId,
        span_id: SpanId,
        trace_state: Cow<'static, str>,
        flags: u32,
        attributes: NativeAttributes,
        dropped_attributes_count: u32,
    }
}

/// The words of [`SpanKind`] and of [`StatusCode`].
const KINDS: [&str; 6] = [
    SpanKind::Unspecified.as_str(),
    SpanKind::Internal.as_str(),
    SpanKind::Server.as_str(),
    SpanKind::Client.as_str(),
    SpanKind::Producer.as_str(),
    SpanKind::Consumer.as_str(),
];
const STATUS_CODES: [&str; 3] = ["unset", "ok", "error"];

/// Reads a field that is there; a `null` too, which an `Option` would take for a missing one.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Returns why `raw` is no such value. Reads it within a budget of its own, because it is thrown away.
fn error_of<T: for<'de> ReadJson<'de>>(raw: &str) -> Option<serde_json::Error> {
    parse::<T>(raw, &mut DecodeContext::for_request()).err()
}

fn bad<T: for<'de> ReadJson<'de>>(name: &str, raw: &str) -> Option<String> {
    let error = error_of::<T>(raw)?;
    Some(format!("{name}: {}", message(&error)))
}

/// Of a word that is none of a few: the value and the choices.
fn bad_word<T: for<'de> ReadJson<'de>>(name: &str, raw: &str, words: &[&str]) -> Option<String> {
    error_of::<T>(raw)?;
    let value = match raw.char_indices().nth(MAX_QUOTED_CHARS) {
        Some((end, _)) => format!("{}…", &raw[..end]),
        None => raw.to_owned(),
    };
    Some(format!(
        "{name}: {value} is not one of {}",
        words.join(", ")
    ))
}

fn bad_object<T: for<'de> ReadJson<'de>>(name: &str, raw: &str, find: Find) -> Option<String> {
    let error = error_of::<T>(raw)?;
    find(&format!("{name}."), raw).or_else(|| Some(format!("{name}: {}", message(&error))))
}

fn bad_item<T: for<'de> ReadJson<'de>>(name: &str, raw: &str, find: Find) -> Option<String> {
    match parse::<FirstItems<&RawValue>>(raw, &mut DecodeContext::for_request()) {
        Ok(first) => first.items.iter().enumerate().find_map(|(index, item)| {
            bad_object::<T>(&format!("{name}[{index}]"), item.get(), find)
        }),
        Err(error) => Some(format!("{name}: {}", message(&error))),
    }
}

/// Why `raw` is not a span: the field and what is wrong with it, or what `error` says when no one
/// field is at fault.
pub(super) fn span(raw: &str, error: &serde_json::Error) -> String {
    span_field("", raw).unwrap_or_else(|| message(error))
}

/// The same of the start at `place`.
pub(super) fn start(place: &str, raw: &str, error: &serde_json::Error) -> String {
    start_field(&format!("{place}."), raw).unwrap_or_else(|| format!("{place}: {}", message(error)))
}

/// The same of the event at `place`.
pub(super) fn log_record(place: &str, raw: &str, error: &serde_json::Error) -> String {
    log_field(&format!("{place}."), raw).unwrap_or_else(|| format!("{place}: {}", message(error)))
}

/// The number of a span that cannot be read otherwise.
pub(super) fn sequence(raw: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Numbered {
        sequence: Option<u64>,
    }

    let numbered: Numbered = raw
        .starts_with('{')
        .then(|| serde_json::from_str(raw).ok())
        .flatten()?;
    numbered.sequence
}
