//! Reads a native batch leniently: one bad span costs that span, not the batch.
//!
//! ```
//! use throughline_codec::decode::decode_batch;
//! let batch = decode_batch(br#"{"spans": [
//!     {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "00f067aa0ba902b7",
//!      "name": "GET /", "start_ns": "1700000000000000000", "end_ns": "1700000000100000000"},
//!     {"trace_id": "00000000000000000000000000000000", "span_id": "00f067aa0ba902b7",
//!      "name": "GET /", "start_ns": "1700000000000000000", "end_ns": "1700000000100000000"}
//! ]}"#)?;
//! assert_eq!(batch.spans[0].span.name, "GET /");
//! assert_eq!(batch.rejected[0].index, 1);
//! assert_eq!(batch.rejected[0].reason, "trace_id: is all zeros");
//! # Ok::<(), throughline_codec::decode::DecodeError>(())
//! ```

mod batch;
mod diagnose;
mod error;
mod lists;
mod repair;
mod spans;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

pub use batch::{DecodedBatch, DecodedSpan, Placed, ValidBatch};
pub use error::DecodeError;
pub use error::message as json_reason;
pub use repair::text as repair_text;
pub use spans::{MAX_SPANS, raw as raw_list};

use throughline_wire::room::Room;
use throughline_wire::{LogRecord, Marks, Rejection, Span, SpanStart};

#[derive(Deserialize)]
#[serde(expecting = "a batch object")]
struct Envelope<'a> {
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    #[serde(borrow)]
    scope: Option<&'a RawValue>,
    #[serde(borrow)]
    clock: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "spans::raw")]
    spans: Vec<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "spans::raw")]
    starts: Vec<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "spans::raw")]
    events: Vec<&'a RawValue>,
    #[serde(borrow)]
    sequence: Option<&'a RawValue>,
    #[serde(borrow)]
    dropped: Option<&'a RawValue>,
}

/// Reads a batch: an object with the fields of [`SpanBatch`](throughline_wire::SpanBatch), each of which may be missing or
/// `null`; other fields are ignored, as is an empty body.
///
/// Of a span, what is not text is repaired and marked: lone surrogates and bytes that are not
/// UTF-8 become U+FFFD, numbers beyond a double infinities, values nested too deep a marker.
///
/// # Errors
/// When the body is not such an object, or has more than [`MAX_SPANS`] spans, starts or events;
/// names the line and the column. A span that is not one is no error: it is in
/// [`DecodedBatch::rejected`].
pub fn decode_batch(body: &[u8]) -> Result<DecodedBatch, DecodeError> {
    let text = String::from_utf8_lossy(body);
    let lossy = matches!(text, Cow::Owned(_));
    let text = text.as_ref();
    match text.trim_ascii_start().chars().next() {
        None => return Ok(DecodedBatch::default()),
        Some('{') => {}
        Some('\u{feff}') => return Err(DecodeError::new(1, 1, "a byte-order mark begins it")),
        Some(_) => {
            let start = text.len() - text.trim_ascii_start().len();
            return Err(DecodeError::at(text, start, "expected an object"));
        }
    }
    let envelope: Envelope<'_> = serde_json::from_str(text).map_err(DecodeError::from_json)?;
    let mut batch = DecodedBatch::default();
    let _room = Room::of_request();
    if let Some(raw) = envelope.resource {
        batch.resource = section(text, "resource", raw, lossy, &mut batch.resource_marks)?;
    }
    if let Some(raw) = envelope.scope {
        batch.scope = section(text, "scope", raw, lossy, &mut batch.scope_marks)?;
    }
    let mut ignored = Marks::NONE;
    if let Some(raw) = envelope.clock {
        batch.clock = section(text, "clock", raw, lossy, &mut ignored)?;
    }
    if let Some(raw) = envelope.dropped {
        batch.dropped = section(text, "dropped", raw, lossy, &mut ignored)?;
    }
    if let Some(raw) = envelope.sequence {
        batch.sequence = section(text, "sequence", raw, lossy, &mut ignored)?;
    }
    (batch.starts, batch.rejected_starts) =
        parts::<SpanStart>("starts", &envelope.starts, lossy, diagnose::start);
    (batch.events, batch.rejected_events) =
        parts::<LogRecord>("events", &envelope.events, lossy, diagnose::log_record);
    for (index, raw) in envelope.spans.into_iter().enumerate() {
        let mut marks = Marks::NONE;
        match read::<Span>(raw.get(), lossy, &mut marks) {
            Ok(mut span) => {
                lists::count_beyond(&mut span, raw.get(), &mut marks);
                batch.spans.push(DecodedSpan { index, span, marks });
            }
            Err((error, repaired)) => {
                batch
                    .rejected_sequences
                    .extend(diagnose::sequence(&repaired));
                batch.rejected.push(Rejection {
                    index,
                    reason: diagnose::span(&repaired, &error),
                });
            }
        }
    }
    Ok(batch)
}

/// Why a part of a batch cannot be read: its place, its text, and what the reader said.
type Diagnose = fn(&str, &str, &serde_json::Error) -> String;

/// Reads the list `name`, of which a bad part costs itself.
fn parts<T: DeserializeOwned>(
    name: &str,
    raw: &[&RawValue],
    lossy: bool,
    diagnose: Diagnose,
) -> (Vec<Placed<T>>, Vec<Rejection>) {
    let (mut parts, mut rejected) = (Vec::with_capacity(raw.len()), Vec::new());
    for (index, raw) in raw.iter().enumerate() {
        let mut marks = Marks::NONE;
        match read::<T>(raw.get(), lossy, &mut marks) {
            Ok(part) => parts.push((index, part, marks)),
            Err((error, repaired)) => rejected.push(Rejection {
                index,
                reason: diagnose(&format!("{name}[{index}]"), &repaired, &error),
            }),
        }
    }
    (parts, rejected)
}

/// Reads a part of the batch that is not a span: an error in it is an error of the batch.
fn section<T: DeserializeOwned>(
    text: &str,
    name: &str,
    raw: &RawValue,
    lossy: bool,
    marks: &mut Marks,
) -> Result<T, DecodeError> {
    read(raw.get(), lossy, marks)
        .map_err(|(error, _)| DecodeError::within(text, raw.get(), name, &error))
}

/// Reads a value; when that fails, once more with its text repaired, which is in the error then.
fn read<'a, T: DeserializeOwned>(
    raw: &'a str,
    lossy: bool,
    marks: &mut Marks,
) -> Result<T, (serde_json::Error, Cow<'a, str>)> {
    // Only known to be of this part when its own text has the replacement.
    if lossy && raw.contains(char::REPLACEMENT_CHARACTER) {
        marks.insert(throughline_wire::Mark::InvalidUtf8);
    }
    if raw.starts_with('[') {
        // A derived reader would take an array for an object's fields in order.
        let error = <serde_json::Error as serde::de::Error>::custom("is not an object");
        return Err((error, Cow::Borrowed(raw)));
    }
    match serde_json::from_str(raw) {
        Ok(value) => Ok(value),
        Err(error) => match repair::text(raw, marks) {
            Some(repaired) => {
                serde_json::from_str(&repaired).map_err(|error| (error, Cow::Owned(repaired)))
            }
            None => Err((error, Cow::Borrowed(raw))),
        },
    }
}
