//! Finds the bad field of a span that was rejected; runs only for rejected spans.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use throughline_wire::{SpanId, SpanKind, Status, StatusCode, TraceId, UnixNanos};

use super::error::message;
use super::native::{NativeEvent, NativeLink};
use crate::context::DecodeContext;
use crate::json::{FirstItems, NativeAttributes, NativeValue, ReadJson, parse};

/// The maximum length of a value quoted in a reason, in characters.
const MAX_QUOTED_CHARS: usize = 60;

/// A function that finds the first bad field in the text of an object; the field's name gets the
/// first argument as a prefix.
type Find = fn(&str, &str) -> Option<String>;

/// Defines a function that reads each field separately, with `bad` or with the function after the
/// type.
macro_rules! fields {
    ($find:ident { $($field:ident: $type:ty $(=> $with:expr)?),+ $(,)? }) => {
        fn $find(prefix: &str, raw: &str) -> Option<String> {
            #[derive(Deserialize)]
            struct Fields<'a> {
                $(#[serde(borrow, default, deserialize_with = "present")]
                $field: Option<&'a RawValue>,)+
            }

            // A derived reader would accept an array as the fields in order.
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

/// The names of [`SpanKind`] and of [`StatusCode`].
const KINDS: [&str; 6] = [
    SpanKind::Unspecified.as_str(),
    SpanKind::Internal.as_str(),
    SpanKind::Server.as_str(),
    SpanKind::Client.as_str(),
    SpanKind::Producer.as_str(),
    SpanKind::Consumer.as_str(),
];
const STATUS_CODES: [&str; 3] = ["unset", "ok", "error"];

/// Reads a field that is present. Without this, an `Option` would treat `null` as a missing field.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Returns the reason why `raw` is not a valid value. Uses a new budget, because the decoded value
/// is dropped.
fn error_of<T: for<'de> ReadJson<'de>>(raw: &str) -> Option<serde_json::Error> {
    parse::<T>(raw, &mut DecodeContext::for_request()).err()
}

fn bad<T: for<'de> ReadJson<'de>>(name: &str, raw: &str) -> Option<String> {
    let error = error_of::<T>(raw)?;
    Some(format!("{name}: {}", message(&error)))
}

/// Returns the reason for a word outside a fixed set: the value and the choices.
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

/// Returns the reason why `raw` is not a span: the bad field and its problem, or the message of
/// `error` if no single field is bad.
pub(super) fn span(raw: &str, error: &serde_json::Error) -> String {
    span_field("", raw).unwrap_or_else(|| message(error))
}

/// Returns the reason why `raw` is not a start. `path` names it in the batch.
pub(super) fn start(path: &str, raw: &str, error: &serde_json::Error) -> String {
    start_field(&format!("{path}."), raw).unwrap_or_else(|| format!("{path}: {}", message(error)))
}

/// Returns the reason why `raw` is not an event. `path` names it in the batch.
pub(super) fn log_record(path: &str, raw: &str, error: &serde_json::Error) -> String {
    log_field(&format!("{path}."), raw).unwrap_or_else(|| format!("{path}: {}", message(error)))
}

/// Reads the sequence number of a span that cannot be decoded.
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
