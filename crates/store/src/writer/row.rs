//! A span as a row of binary COPY, and what the writer must remember of it.
//!
//! The format is that of the `PostgreSQL` manual, "COPY", "Binary Format": fields in the order of
//! `copy_spans.sql`, each a 32-bit length and its bytes, length -1 for NULL.

use throughline_wire::{Span, StatusCode, UnixNanos, binary, semconv};

use crate::ids;

/// What opens a binary COPY: signature, no flags, no extension.
pub(super) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What closes it.
pub(super) const TRAILER: &[u8] = &(-1_i16).to_be_bytes();

const FIELDS: i16 = 28;
const NULL: [u8; 4] = (-1_i32).to_be_bytes();

/// Longer users are cut, in characters; a btree entry has a limit.
const MAX_USER_CHARS: usize = 256;
/// Longer sessions are cut, in characters.
const MAX_SESSION_CHARS: usize = throughline_wire::SessionId::MAX_CHARS;

/// What the writer needs of a row once it is encoded: its key and its part in the directory.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub trace_id: [u8; 16],
    pub span_id: i64,
    pub start_ns: i64,
    pub duration_ns: i64,
    pub digest: i64,
    pub operation_id: i64,
    pub service_id: i64,
    pub has_parent: bool,
    pub is_error: bool,
    pub user: Option<Box<str>>,
    pub session: Option<Box<str>>,
    /// Place of the span in its batch.
    pub index: u32,
    /// Where the encoded row lies in the bytes of its batch.
    pub offset: usize,
    pub len: usize,
}

impl Row {
    /// First instant of its UTC day.
    pub(super) fn day_ns(&self) -> i64 {
        day_ns(self.start_ns)
    }
}

/// First instant of the UTC day `instant_ns` lies in; saturates at the first instant there is.
pub(super) fn day_ns(instant_ns: i64) -> i64 {
    instant_ns
        .div_euclid(UnixNanos::PER_DAY)
        .saturating_mul(UnixNanos::PER_DAY)
}

/// What a span has in common with others of its batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context {
    pub tenant: [u8; 16],
    pub service_id: i64,
    pub operation_id: i64,
    pub resource_id: i64,
    pub scope_id: i64,
    pub received_ns: i64,
    pub index: u32,
}

/// What ingest knows of a span besides what its sender said in it: the last fields of a row. The
/// digest covers none of it but the payloads.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Noted<'a> {
    /// Which process made the span.
    pub process_id: Option<i64>,
    /// Its number among the spans of that process.
    pub sequence: Option<i64>,
    /// Server time minus sender time, as the sender measured it.
    pub clock_offset_ns: Option<i64>,
    /// Half the width of the interval the offset lies in.
    pub clock_error_ns: Option<i64>,
    /// Bytes of values that ingest cut off.
    pub cut_bytes: Option<i64>,
    /// Encoded references to values kept apart; empty when there are none.
    pub payloads: &'a [u8],
}

impl Noted<'_> {
    fn append(self, out: &mut Vec<u8>) {
        for number in [
            self.process_id,
            self.sequence,
            self.clock_offset_ns,
            self.clock_error_ns,
            self.cut_bytes,
        ] {
            match number {
                Some(number) => bytes(&number.to_be_bytes(), out),
                None => out.extend_from_slice(&NULL),
            }
        }
        filled(out, |out| out.extend_from_slice(self.payloads));
    }
}

/// The span without what ingest noted in it, when it noted something.
///
/// A digest covers all that the sender said and nothing that the server adds, so that a span sent
/// again has the same digest: whether a clock is skewed depends on when the span came.
fn without_marks(span: &Span) -> Option<Span> {
    span.attributes.get(semconv::MARKS)?;
    let mut unmarked = span.clone();
    unmarked.attributes.remove(semconv::MARKS);
    Some(unmarked)
}

/// Appends the row of `span` to `out`.
pub(super) fn encode(span: &Span, context: Context, noted: Noted<'_>, out: &mut Vec<u8>) -> Row {
    let offset = out.len();
    let duration_ns = span.duration_ns();
    out.extend_from_slice(&FIELDS.to_be_bytes());
    let said_at = out.len();
    bytes(&context.tenant, out);
    bytes(&span.trace_id.to_bytes(), out);
    bytes(&span.span_id.to_bytes(), out);
    match span.parent_span_id {
        Some(parent) => bytes(&parent.to_bytes(), out),
        None => out.extend_from_slice(&NULL),
    }
    bytes(&context.operation_id.to_be_bytes(), out);
    bytes(&context.resource_id.to_be_bytes(), out);
    bytes(&context.scope_id.to_be_bytes(), out);
    bytes(&span.start.get().to_be_bytes(), out);
    bytes(&duration_ns.to_be_bytes(), out);
    bits(span.flags, out);
    bits(span.dropped_attributes_count, out);
    bits(span.dropped_events_count, out);
    bits(span.dropped_links_count, out);
    bytes(&i16::from(span.kind.code()).to_be_bytes(), out);
    bytes(&i16::from(span.status.code.code()).to_be_bytes(), out);
    filled(out, |out| {
        out.extend_from_slice(span.trace_state.as_bytes());
    });
    filled(out, |out| {
        out.extend_from_slice(span.status.message.as_bytes());
    });
    filled(out, |out| binary::encode_attributes(&span.attributes, out));
    filled(out, |out| binary::encode_events(&span.events, out));
    filled(out, |out| binary::encode_links(&span.links, out));
    let digest = match without_marks(span) {
        None => digest_of(out, said_at, noted.payloads),
        Some(unmarked) => encode(&unmarked, context, noted, &mut Vec::new()).digest,
    };
    bytes(&digest.to_be_bytes(), out);
    bytes(&context.received_ns.to_be_bytes(), out);
    noted.append(out);
    Row {
        trace_id: span.trace_id.to_bytes(),
        span_id: span.span_id.to_i64(),
        start_ns: span.start.get(),
        duration_ns,
        digest,
        operation_id: context.operation_id,
        service_id: context.service_id,
        has_parent: span.parent_span_id.is_some(),
        is_error: span.status.code == StatusCode::Error,
        user: text(span, semconv::USER_ID, MAX_USER_CHARS)
            .or_else(|| text(span, semconv::ENDUSER_ID, MAX_USER_CHARS)),
        session: text(span, semconv::SESSION_ID, MAX_SESSION_CHARS),
        index: context.index,
        offset,
        len: out.len() - offset,
    }
}

/// The digest of the fields that begin at `said_at`, and of the values kept apart.
fn digest_of(out: &mut Vec<u8>, said_at: usize, payloads: &[u8]) -> i64 {
    let end = out.len();
    out.extend_from_slice(payloads);
    let digest = ids::span_digest(&out[said_at..]);
    out.truncate(end);
    digest
}

/// The first reason why the database could not hold this span; the validation before the store
/// repairs these, so only a caller that skipped it meets them.
pub(super) fn unstorable(span: &Span) -> Option<&'static str> {
    let has_nul = |text: &str| text.as_bytes().contains(&0);
    if has_nul(&span.name) || has_nul(&span.trace_state) || has_nul(&span.status.message) {
        return Some("a text of the span contains the character NUL");
    }
    [semconv::USER_ID, semconv::ENDUSER_ID, semconv::SESSION_ID]
        .into_iter()
        .any(|key| span.attributes.get_str(key).is_some_and(has_nul))
        .then_some("the user or the session of the span contains the character NUL")
}

fn bytes(value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(value.len() as i32).to_be_bytes());
    out.extend_from_slice(value);
}

/// An unsigned number in the bits of an `integer`; zero is NULL.
fn bits(value: u32, out: &mut Vec<u8>) {
    if value == 0 {
        out.extend_from_slice(&NULL);
    } else {
        bytes(&value.to_be_bytes(), out);
    }
}

/// A field that `fill` appends; empty is NULL.
fn filled(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&NULL);
    fill(out);
    let len = out.len() - at - NULL.len();
    if len > 0 {
        out[at..at + NULL.len()].copy_from_slice(&(len as i32).to_be_bytes());
    }
}

fn text(span: &Span, key: &str, max_chars: usize) -> Option<Box<str>> {
    let text = span
        .attributes
        .get_str(key)
        .filter(|text| !text.is_empty())?;
    let end = text
        .char_indices()
        .nth(max_chars)
        .map_or(text.len(), |(at, _)| at);
    Some(text[..end].into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_utc_on_both_sides_of_the_epoch() {
        let day = UnixNanos::PER_DAY;
        assert_eq!(day_ns(0), 0);
        assert_eq!(day_ns(day - 1), 0);
        assert_eq!(day_ns(day), day);
        assert_eq!(day_ns(-1), -day);
        assert_eq!(day_ns(i64::MIN), i64::MIN);
    }

    #[test]
    fn a_mark_that_a_later_ingest_would_not_make_does_not_change_the_digest() {
        let context = Context {
            tenant: [0; 16],
            service_id: 1,
            operation_id: 2,
            resource_id: 3,
            scope_id: 4,
            received_ns: 5,
            index: 0,
        };
        let digest = |span: &Span| encode(span, context, Noted::default(), &mut Vec::new()).digest;
        let span = throughline_testkit::span("GET /").build();
        let mut marked = span.clone();
        let marks = vec![throughline_wire::AttributeValue::from("clock_skewed")];
        marked.attributes.insert(semconv::MARKS, marks);
        assert_eq!(digest(&marked), digest(&span));
        marked.attributes.insert("more", "said");
        assert_ne!(digest(&marked), digest(&span));
    }
}
