//! Reads a native batch leniently: one bad span costs that span, not the batch.
//!
//! ```
//! use throughline_wire::decode::decode_batch;
//! let batch = decode_batch(br#"{"spans": [
//!     {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "00f067aa0ba902b7",
//!      "name": "GET /", "start_ns": "1700000000000000000", "end_ns": "1700000000100000000"},
//!     {"trace_id": "00000000000000000000000000000000", "span_id": "00f067aa0ba902b7",
//!      "name": "GET /", "start_ns": "1700000000000000000", "end_ns": "1700000000100000000"}
//! ]}"#)?;
//! assert_eq!(batch.spans[0].span.name, "GET /");
//! assert_eq!(batch.rejected[0].index, 1);
//! assert_eq!(batch.rejected[0].reason, "trace_id: is all zeros");
//! # Ok::<(), throughline_wire::decode::DecodeError>(())
//! ```

mod diagnose;
mod error;
mod repair;
mod spans;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

pub use error::DecodeError;
pub use error::message as json_reason;
pub use repair::text as repair_text;
pub use spans::MAX_SPANS;

use crate::validate::{Limits, validate, validate_resource, validate_scope, validate_start};
use crate::{
    BatchSequence, ClientClock, DropReason, InstrumentationScope, Marks, Rejection, Resource, Span,
    SpanBatch, SpanStart, UnixNanos,
};

/// A batch as it was read, before validation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DecodedBatch {
    /// Who sends.
    pub resource: Resource,
    /// What was repaired in it.
    pub resource_marks: Marks,
    /// The library that made these spans.
    pub scope: InstrumentationScope,
    /// What was repaired in it.
    pub scope_marks: Marks,
    /// What the sender knows of its clock.
    pub clock: Option<ClientClock>,
    /// The spans that could be read.
    pub spans: Vec<DecodedSpan>,
    /// How many spans the sender dropped, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// The spans that could not be read.
    pub rejected: Vec<Rejection>,
    /// Their numbers, as far as those could be.
    pub rejected_sequences: Vec<u64>,
    /// Where the sender stands with its numbers.
    pub sequence: Option<BatchSequence>,
    /// The starts that could be read, each with its place and what was repaired in it.
    pub starts: Vec<(usize, SpanStart, Marks)>,
    /// The starts that could not be read.
    pub rejected_starts: Vec<Rejection>,
}

/// A batch that can be stored, and what was left out of it, by its place in the batch as it was
/// sent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ValidBatch {
    /// What can be stored.
    pub batch: SpanBatch,
    /// The spans that cannot.
    pub rejected: Vec<Rejection>,
    /// Their numbers, as far as they are known.
    pub rejected_sequences: Vec<u64>,
    /// The starts that cannot.
    pub rejected_starts: Vec<Rejection>,
}

/// A span as it was read, before validation.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodedSpan {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// The span.
    pub span: Span,
    /// What was repaired in it.
    pub marks: Marks,
}

impl DecodedBatch {
    /// Validates every span and start, the resource and the scope.
    pub fn validate(self, limits: &Limits, now: UnixNanos) -> ValidBatch {
        let mut rejected = self.rejected;
        let mut rejected_sequences = self.rejected_sequences;
        let mut spans = Vec::with_capacity(self.spans.len());
        for DecodedSpan { index, span, marks } in self.spans {
            let sequence = span.sequence;
            match validate(span, limits, now, marks) {
                Ok(span) => spans.push(span),
                Err(reason) => {
                    rejected_sequences.extend(sequence);
                    rejected.push(Rejection {
                        index,
                        reason: reason.to_string(),
                    });
                }
            }
        }
        rejected.sort_by_key(|rejection| rejection.index);
        let mut rejected_starts = self.rejected_starts;
        let mut starts = Vec::with_capacity(self.starts.len());
        for (index, start, marks) in self.starts {
            match validate_start(start, limits, now, marks) {
                Ok(start) => starts.push(start),
                Err(reason) => rejected_starts.push(Rejection {
                    index,
                    reason: format!("starts[{index}].{reason}"),
                }),
            }
        }
        rejected_starts.sort_by_key(|rejection| rejection.index);
        let batch = SpanBatch {
            resource: validate_resource(self.resource, limits, self.resource_marks),
            scope: validate_scope(self.scope, limits, self.scope_marks),
            clock: self.clock,
            sequence: self.sequence,
            spans,
            starts,
            dropped: self.dropped,
        };
        ValidBatch {
            batch,
            rejected,
            rejected_sequences,
            rejected_starts,
        }
    }
}

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
    #[serde(borrow)]
    sequence: Option<&'a RawValue>,
    #[serde(borrow)]
    dropped: Option<&'a RawValue>,
}

/// Reads a batch: an object with the fields of [`SpanBatch`], each of which may be missing or
/// `null`; other fields are ignored, as is an empty body.
///
/// Of a span, what is not text is repaired and marked: lone surrogates and bytes that are not
/// UTF-8 become U+FFFD, numbers beyond a double infinities, values nested too deep a marker.
///
/// # Errors
/// When the body is not such an object, or has more than [`MAX_SPANS`] spans; names the line and
/// the column. A span that is not one
/// is no error: it is in [`DecodedBatch::rejected`].
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
    for (index, raw) in envelope.starts.into_iter().enumerate() {
        let mut marks = Marks::NONE;
        match read::<SpanStart>(raw.get(), lossy, &mut marks) {
            Ok(start) => batch.starts.push((index, start, marks)),
            Err((error, repaired)) => batch.rejected_starts.push(Rejection {
                index,
                reason: diagnose::start(&format!("starts[{index}]"), &repaired, &error),
            }),
        }
    }
    for (index, raw) in envelope.spans.into_iter().enumerate() {
        let mut marks = Marks::NONE;
        match read::<Span>(raw.get(), lossy, &mut marks) {
            Ok(span) => batch.spans.push(DecodedSpan { index, span, marks }),
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
        marks.insert(crate::Mark::InvalidUtf8);
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
