//! A span as a row of binary COPY, and what the writer must remember of it.
//!
//! The format is that of the `PostgreSQL` manual, "COPY", "Binary Format": fields in the order of
//! `copy_spans.sql`, each a 32-bit length and its bytes, length -1 for NULL.

mod field;
mod named;
mod said;
#[cfg(test)]
mod tests;

use throughline_wire::binary::ValueBytes;
use throughline_wire::packed::PackedSpan;
use throughline_wire::{AttributeValue, Mark, Marks, Span, StatusCode, UnixNanos, semconv};

pub(super) use self::field::{HEADER, NULL, TRAILER, bits, bytes, filled};
use self::named::Named;
pub(super) use self::named::TextAt;
use self::said::Said;
use crate::ids;

const FIELDS: i16 = 28;

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
    /// Texts in the bytes of its batch.
    pub user: Option<TextAt>,
    pub session: Option<TextAt>,
    /// What a failed span said of its failure.
    pub error: Option<TextAt>,
    /// The process that made it and its number there, when it has one.
    pub numbered: Option<(i64, i64)>,
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
pub(crate) fn day_ns(instant_ns: i64) -> i64 {
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
    unmarked.attributes.remove(semconv::CUT_BYTES);
    Some(unmarked)
}

/// Appends the row of `span` to `out`, and shows `see` its attributes.
pub(super) fn encode(
    span: &Span,
    context: Context,
    mut noted: Noted<'_>,
    out: &mut Vec<u8>,
    see: impl FnMut(&[u8], ValueBytes<'_>),
) -> Row {
    let said = Said::decoded(span);
    let digest = without_marks(span).map(|unmarked| {
        // Under this mark alone it is the server's word.
        let is_cut = Marks::of(&span.attributes).contains(Mark::ValueCut);
        let cut_bytes = span.attributes.get(semconv::CUT_BYTES);
        noted.cut_bytes = cut_bytes
            .filter(|_| is_cut)
            .and_then(AttributeValue::as_int);
        let unmarked = Said::decoded(&unmarked);
        lay_out(&unmarked, None, context, noted, &mut Vec::new(), |_, _| {}).digest
    });
    lay_out(&said, digest, context, noted, out, see)
}

/// Appends the row of a span that came packed; the same row, byte for byte, as that of the span
/// decoded and validated.
pub(super) fn encode_packed(
    span: &PackedSpan<'_>,
    context: Context,
    out: &mut Vec<u8>,
    see: impl FnMut(&[u8], ValueBytes<'_>),
) -> Row {
    let said = Said::packed(span);
    lay_out(&said, None, context, Noted::default(), out, see)
}

/// Appends a row: the one place that knows the order of its fields. `digest` is given when it is
/// not that of these fields.
fn lay_out(
    said: &Said<'_>,
    digest: Option<i64>,
    context: Context,
    noted: Noted<'_>,
    out: &mut Vec<u8>,
    see: impl FnMut(&[u8], ValueBytes<'_>),
) -> Row {
    let offset = out.len();
    out.extend_from_slice(&FIELDS.to_be_bytes());
    let said_at = out.len();
    bytes(&context.tenant, out);
    bytes(&said.trace_id, out);
    bytes(&said.span_id, out);
    match said.parent_span_id {
        Some(parent) => bytes(&parent, out),
        None => out.extend_from_slice(&NULL),
    }
    for number in [
        context.operation_id,
        context.resource_id,
        context.scope_id,
        said.start_ns,
        said.duration_ns,
    ] {
        bytes(&number.to_be_bytes(), out);
    }
    bits(said.flags, out);
    bits(said.dropped_attributes_count, out);
    bits(said.dropped_events_count, out);
    bits(said.dropped_links_count, out);
    bytes(&i16::from(said.kind.code()).to_be_bytes(), out);
    bytes(&i16::from(said.status.code()).to_be_bytes(), out);
    filled(out, |out| {
        out.extend_from_slice(said.trace_state.as_bytes());
    });
    let error_at = out.len() + NULL.len();
    filled(out, |out| {
        out.extend_from_slice(said.status_message.as_bytes());
    });
    let is_error = said.status == StatusCode::Error;
    let error = is_error.then(|| TextAt::message(error_at, said.status_message));
    let attributes_at = out.len() + NULL.len();
    filled(out, |out| said.values.attributes(out));
    let named = Named::find(out, attributes_at, see);
    filled(out, |out| said.values.events(out));
    filled(out, |out| said.values.links(out));
    let digest = digest.unwrap_or_else(|| digest_of(out, said_at, noted.payloads));
    bytes(&digest.to_be_bytes(), out);
    bytes(&context.received_ns.to_be_bytes(), out);
    noted.append(out);
    Row {
        trace_id: said.trace_id,
        span_id: i64::from_be_bytes(said.span_id),
        start_ns: said.start_ns,
        duration_ns: said.duration_ns,
        digest,
        operation_id: context.operation_id,
        service_id: context.service_id,
        has_parent: said.parent_span_id.is_some(),
        is_error,
        error: error.flatten(),
        user: named.user(),
        session: named.session(),
        numbered: noted.process_id.zip(noted.sequence),
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
