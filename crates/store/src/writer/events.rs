//! Encodes log records and events as rows of binary COPY; fields in the order of `copy_events.sql`.

use std::borrow::Cow;
use std::collections::HashMap;

use throughline_codec::binary;
use throughline_wire::{AttributeValue, LogRecord, Rejection, SpanId, TraceId, semconv};

use super::rejections::rejections_memory_bytes;
use super::row::{NULL, bits, bytes, filled};
use crate::day::day_ns;
use crate::ids;
use crate::indexed_text::{MAX_CHARS, beginning};

const FIELDS: i16 = 22;
/// The maximum size of the text of a body that is not a text.
const MAX_DERIVED_BYTES: usize = 8 << 10;

/// The fields of an encoded event that the writer needs.
#[derive(Debug, Clone)]
pub(super) struct EventRow {
    pub at_ns: i64,
    pub received_ns: i64,
    pub digest: i64,
    /// The position of the event in its batch.
    pub index: u32,
    /// The position of the encoded row in [`Events::bytes`].
    pub offset: usize,
    pub len: usize,
}

impl EventRow {
    /// Returns the start of the event's UTC day.
    pub(super) fn day_ns(&self) -> i64 {
        day_ns(self.at_ns)
    }
}

/// The fields that an event shares with others of its batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct EventContext {
    pub tenant: [u8; 16],
    pub resource_id: i64,
    pub scope_id: i64,
    pub received_ns: i64,
}

/// The encoded events of a batch.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// Rows of binary COPY, one after the other.
    pub bytes: Vec<u8>,
    pub rows: Vec<EventRow>,
    /// The events that cannot be stored.
    pub rejected: Vec<Rejection>,
    /// The number of occurrences of each content. Clocks are coarse, so an event that occurs twice
    /// in one batch happened twice.
    seen: HashMap<i64, u64>,
    next_index: u32,
}

impl Events {
    /// Returns the approximate memory size in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
            + self.rows.capacity() * size_of::<EventRow>()
            + self.seen.capacity() * size_of::<(i64, u64)>()
            + rejections_memory_bytes(&self.rejected)
    }

    /// Returns the position of the next event in the batch.
    pub(super) fn next_index(&self) -> usize {
        self.next_index as usize
    }

    /// Rejects the next event of the batch.
    pub(super) fn reject(&mut self, reason: &str) {
        self.rejected.push(Rejection {
            index: self.next_index(),
            reason: reason.to_owned(),
        });
        self.next_index += 1;
    }

    /// Encodes the next event of the batch; `payloads` are its references to offloaded payloads.
    pub(super) fn push(&mut self, event: &LogRecord, context: EventContext, payloads: &[u8]) {
        let out = &mut self.bytes;
        let offset = out.len();
        out.extend_from_slice(&FIELDS.to_be_bytes());
        bytes(&context.tenant, out);
        let content_at = out.len();
        let derived = json_text(&event.body);
        encode_content(event, &derived, context, payloads, out);
        // The repairs that ingest records depend on the time of arrival. They are left out of the
        // digest, so that the same event sent again has the same digest. The text of a body that is
        // not a text was not sent, so it is left out too.
        let content = match (without_marks(event), derived.is_empty()) {
            (None, true) => ids::event_digest(&out[content_at..]),
            (unmarked, _) => {
                let mut plain = Vec::new();
                let unmarked = unmarked.as_ref().unwrap_or(event);
                encode_content(unmarked, "", context, payloads, &mut plain);
                ids::event_digest(&plain)
            }
        };
        let occurrence = self.seen.entry(content).or_default();
        let digest = ids::nth(content, *occurrence);
        *occurrence += 1;
        bytes(&digest.to_be_bytes(), out);
        bytes(&context.received_ns.to_be_bytes(), out);
        self.rows.push(EventRow {
            at_ns: event.time.get(),
            received_ns: context.received_ns,
            digest,
            index: self.next_index,
            offset,
            len: self.bytes.len() - offset,
        });
        self.next_index += 1;
    }
}

/// Returns the text of a body that is not a text, for searches and for people with psql: numbers and
/// booleans as they are written, bytes as base64, lists and maps as native JSON. At most
/// [`MAX_DERIVED_BYTES`].
fn json_text(body: &AttributeValue) -> String {
    let mut text = match body {
        AttributeValue::Empty | AttributeValue::Str(_) => return String::new(),
        AttributeValue::Int(number) => number.to_string(),
        AttributeValue::Double(number) => number.to_string(),
        // Writing a value as JSON cannot fail.
        _ => serde_json::to_string(body).unwrap_or_default(),
    };
    text.truncate(text.floor_char_boundary(MAX_DERIVED_BYTES));
    text
}

/// Appends the fields that the sender decides. `derived` is the text of a body that is not a text.
fn encode_content(
    event: &LogRecord,
    derived: &str,
    context: EventContext,
    payloads: &[u8],
    out: &mut Vec<u8>,
) {
    optional(event.trace_id.map(TraceId::to_bytes), out);
    bytes(&event.time.get().to_be_bytes(), out);
    bytes(&context.resource_id.to_be_bytes(), out);
    bytes(&context.scope_id.to_be_bytes(), out);
    optional(event.span_id.map(SpanId::to_bytes), out);
    optional(event.parent_span_id.map(SpanId::to_bytes), out);
    let observed = event.observed.get();
    optional((observed != 0).then(|| observed.to_be_bytes()), out);
    bits(event.flags, out);
    bits(event.dropped_attributes_count, out);
    bytes(&i16::from(event.severity_number).to_be_bytes(), out);
    text(&event.severity_text, out);
    text(&event.event_name, out);
    let message = match &event.body {
        AttributeValue::Str(text) => text.as_ref(),
        _ => "",
    };
    text(if message.is_empty() { derived } else { message }, out);
    indexed(event, semconv::EVENT_STATUS, out);
    indexed(event, semconv::SESSION_ID, out);
    indexed(event, semconv::CORRELATION_ID, out);
    filled(out, |out| {
        // A text that cannot be in the column because of NUL, and an empty text, are stored as a
        // body.
        if event.body != AttributeValue::Empty && message.is_empty() {
            binary::any_value::encode(&event.body, 1, out);
        }
    });
    filled(out, |out| binary::encode_attributes(&event.attributes, out));
    filled(out, |out| out.extend_from_slice(payloads));
}

/// Returns the event without the attributes that ingest added; `None` when ingest added none.
fn without_marks(event: &LogRecord) -> Option<LogRecord> {
    event.attributes.get(semconv::REPAIRS)?;
    let mut unmarked = event.clone();
    unmarked.attributes.remove(semconv::REPAIRS);
    unmarked.attributes.remove(semconv::CUT_BYTES);
    Some(unmarked)
}

fn optional<const N: usize>(value: Option<[u8; N]>, out: &mut Vec<u8>) {
    match value {
        Some(value) => bytes(&value, out),
        None => out.extend_from_slice(&NULL),
    }
}

/// Appends a text column. NUL, which Postgres refuses, is replaced by its symbol; empty is NULL.
fn text(text: &str, out: &mut Vec<u8>) {
    let text = if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{2400}"))
    } else {
        Cow::Borrowed(text)
    };
    filled(out, |out| out.extend_from_slice(text.as_bytes()));
}

fn indexed(event: &LogRecord, key: &str, out: &mut Vec<u8>) {
    let value = event.attributes.get_text(key).unwrap_or_default();
    text(beginning(&value, MAX_CHARS), out);
}

#[cfg(test)]
mod tests {
    use throughline_wire::UnixNanos;

    use super::*;

    const CONTEXT: EventContext = EventContext {
        tenant: [0; 16],
        resource_id: 1,
        scope_id: 2,
        received_ns: 3,
    };

    fn record(message: &'static str) -> LogRecord {
        LogRecord {
            time: UnixNanos::new(5),
            body: message.into(),
            ..LogRecord::default()
        }
    }

    fn digests(records: &[LogRecord]) -> Vec<i64> {
        let mut events = Events::default();
        for record in records {
            events.push(record, CONTEXT, &[]);
        }
        events.rows.iter().map(|row| row.digest).collect()
    }

    #[test]
    fn equal_events_of_a_batch_are_two_rows_and_a_retry_adds_none() {
        let batch = [record("tick"), record("tick"), record("tock")];
        let once = digests(&batch);
        assert_ne!(once[0], once[1]);
        assert_eq!(digests(&batch), once);
    }

    #[test]
    fn the_text_of_a_body_is_derived_and_not_part_of_the_digest() {
        let of = |body: AttributeValue| LogRecord { body, ..record("") };
        let map: AttributeValue = [("id", 7_i64)]
            .into_iter()
            .collect::<throughline_wire::Attributes>()
            .into();
        for (body, text) in [
            (map, r#"{"id":7}"#),
            (
                vec![1_i64.into(), AttributeValue::from("a")].into(),
                r#"[1,"a"]"#,
            ),
            (i64::MAX.into(), "9223372036854775807"),
            (2.5.into(), "2.5"),
            (true.into(), "true"),
            ("text".into(), ""),
            (AttributeValue::Empty, ""),
        ] {
            assert_eq!(json_text(&body), text);
            let mut plain = Vec::new();
            let record = of(body);
            encode_content(&record, "", CONTEXT, &[], &mut plain);
            assert_eq!(
                digests(&[record])[0],
                ids::nth(ids::event_digest(&plain), 0)
            );
        }
        let long = json_text(&vec![AttributeValue::from("ä".repeat(9_000))].into());
        assert_eq!(long.len(), MAX_DERIVED_BYTES);
    }

    #[test]
    fn a_repair_that_depends_on_the_time_of_arrival_does_not_change_the_digest() {
        let mut marked = record("tick");
        let repairs = vec![AttributeValue::from("clock_skewed")];
        marked.attributes.insert(semconv::REPAIRS, repairs);
        assert_eq!(digests(&[marked]), digests(&[record("tick")]));
    }
}
