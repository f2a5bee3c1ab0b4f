//! Decodes a native batch leniently: a bad span is rejected alone, without the rest of the batch.
//!
//! ```
//! use throughline_codec::decode::decode_batch;
//! let batch = decode_batch(br#"{"spans": [
//!     {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "00f067aa0ba902b7",
//!      "name": "GET /", "start_ns": "1700000000000000000", "end_ns": "1700000000100000000"},
//!     {"trace_id": "00000000000000000000000000000000", "span_id": "00f067aa0ba902b7",
//!      "name": "GET /", "start_ns": "1700000000000000000", "end_ns": "1700000000100000000"}
//! ]}"#)?;
//! assert_eq!(batch.spans[0].item.name, "GET /");
//! assert_eq!(batch.rejected[0].index, 1);
//! assert_eq!(batch.rejected[0].reason, "trace_id: is all zeros");
//! # Ok::<(), throughline_codec::decode::DecodeError>(())
//! ```

mod batch;
mod diagnose;
mod error;
mod native;
mod spans;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

pub use batch::{DecodedBatch, ValidBatch};
pub use error::DecodeError;
pub use error::message as json_reason;
pub use spans::{MAX_SPANS, raw as raw_list};

use throughline_wire::Rejection;

use self::native::{Native, NativeLog, NativeResource, NativeScope, NativeSpan, NativeStart};
use crate::context::{DecodeContext, Decoded, Repairs};
use crate::json::{ReadJson, read_item};

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

/// Decodes a batch: a JSON object with the fields of [`SpanBatch`](throughline_wire::SpanBatch).
/// Each field may be missing or `null`. Unknown fields are ignored. An empty body is an empty
/// batch.
///
/// Repairs are recorded: lone surrogates and bytes that are not UTF-8 become U+FFFD, numbers too
/// large for a double become infinities, and values nested too deep become a text.
///
/// # Errors
/// Fails if the body is not such an object, or if it has more than [`MAX_SPANS`] spans, starts or
/// events; the error names the line and the column. A bad span is not an error of the batch: it is
/// listed in [`DecodedBatch::rejected`].
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
    let mut section = Sections {
        text,
        lossy,
        context: DecodeContext::for_request(),
    };
    if let Some(raw) = envelope.resource {
        (batch.resource, batch.resource_repairs) = section.part::<NativeResource>(raw);
    }
    if let Some(raw) = envelope.scope {
        (batch.scope, batch.scope_repairs) = section.part::<NativeScope>(raw);
    }
    if let Some(raw) = envelope.clock {
        batch.clock = section.read("clock", raw)?;
    }
    if let Some(raw) = envelope.dropped {
        batch.dropped = section.read("dropped", raw)?;
    }
    if let Some(raw) = envelope.sequence {
        batch.sequence = section.read("sequence", raw)?;
    }
    let Sections { mut context, .. } = section;
    let starts = diagnose::start;
    (batch.starts, batch.rejected_starts) =
        items::<NativeStart>("starts", &envelope.starts, lossy, starts, &mut context);
    let records = diagnose::log_record;
    (batch.events, batch.rejected_events) =
        items::<NativeLog>("events", &envelope.events, lossy, records, &mut context);
    for (index, raw) in envelope.spans.into_iter().enumerate() {
        match item::<NativeSpan>(index, raw.get(), lossy, &mut context) {
            Ok(span) => batch.spans.push(span),
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

/// A function that finds the reason why an item cannot be read, from its path, its text and the
/// error of the reader.
type Diagnose = fn(&str, &str, &serde_json::Error) -> String;

/// Reads the list `name`. A bad item is rejected alone.
fn items<T: Native + for<'de> ReadJson<'de>>(
    name: &str,
    raw: &[&RawValue],
    lossy: bool,
    diagnose: Diagnose,
    context: &mut DecodeContext,
) -> (Vec<Decoded<T::Item>>, Vec<Rejection>) {
    let (mut items, mut rejected) = (Vec::with_capacity(raw.len()), Vec::new());
    for (index, raw) in raw.iter().enumerate() {
        match item::<T>(index, raw.get(), lossy, context) {
            Ok(item) => items.push(item),
            Err((error, repaired)) => rejected.push(Rejection {
                index,
                reason: diagnose(&format!("{name}[{index}]"), &repaired, &error),
            }),
        }
    }
    (items, rejected)
}

/// Reads one item of a list.
fn item<'a, T: Native + for<'de> ReadJson<'de>>(
    index: usize,
    raw: &'a str,
    lossy: bool,
    context: &mut DecodeContext,
) -> Result<Decoded<T::Item>, (serde_json::Error, Cow<'a, str>)> {
    let read = object::<T>(raw, lossy, context).map(|item| item.into_item(context));
    // Taken even if the item cannot be read: the repairs must not count for the next item.
    let repairs = context.take_repairs();
    read.map(|item| Decoded {
        index,
        item,
        repairs,
    })
}

/// Reads an object.
fn object<'a, T: for<'de> ReadJson<'de>>(
    raw: &'a str,
    lossy: bool,
    context: &mut DecodeContext,
) -> Result<T, (serde_json::Error, Cow<'a, str>)> {
    if raw.starts_with('[') {
        // A derived reader would accept an array as the fields in order.
        let error = <serde_json::Error as serde::de::Error>::custom("is not an object");
        return Err((error, Cow::Borrowed(raw)));
    }
    read_item(raw, lossy, context)
}

/// A reader of the batch's fields that are not lists. An error in one of them is an error of the
/// batch, except in the resource and the scope: a bad part of these costs that part alone.
struct Sections<'t> {
    /// The text of the whole batch.
    text: &'t str,
    lossy: bool,
    context: DecodeContext,
}

impl Sections<'_> {
    fn read<T: for<'de> ReadJson<'de>>(
        &mut self,
        name: &str,
        raw: &RawValue,
    ) -> Result<T, DecodeError> {
        self.context.take_repairs();
        object(raw.get(), self.lossy, &mut self.context)
            .map_err(|(error, _)| DecodeError::within(self.text, raw.get(), name, &error))
    }

    /// Reads the resource or the scope. One that is not an object is empty, which is a repair.
    fn part<T: Native + Default + for<'de> ReadJson<'de>>(
        &mut self,
        raw: &RawValue,
    ) -> (T::Item, Repairs) {
        self.context.take_repairs();
        let read = object(raw.get(), self.lossy, &mut self.context).unwrap_or_else(|_| {
            self.context.repair_unreadable();
            T::default()
        });
        let item = read.into_item(&mut self.context);
        (item, self.context.take_repairs())
    }
}
