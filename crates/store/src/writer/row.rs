//! A span in the writer until it is committed: fields of fixed size, and parts of variable size,
//! which are stored one after the other in the bytes of its batch.

mod failure;
mod field;
mod named;
#[cfg(test)]
mod tests;

use throughline_codec::binary;
use throughline_codec::packed::PackedSpan;
use throughline_wire::{AttributeValue, Repair, RepairSet, Span, SpanId, StatusCode, semconv};

pub(super) use self::field::{HEADER, NULL, TRAILER, bits, bytes, filled};
use self::named::Named;
pub(super) use self::named::TextAt;
use crate::block::{DroppedCounts, IngestMetadata, SpanRecord};

/// A span of a batch.
#[derive(Debug, Clone)]
pub(super) struct BatchSpan {
    pub trace_id: [u8; 16],
    pub span_id: i64,
    pub parent_span_id: Option<i64>,
    pub operation_id: i64,
    pub service_id: i64,
    pub start_ns: i64,
    pub duration_ns: i64,
    /// A hash of all content that the sender sent.
    pub digest: i64,
    pub is_error: bool,
    /// Texts in the bytes of its batch.
    pub user: Option<TextAt>,
    pub session: Option<TextAt>,
    /// The message of a failed span: its status message, else the message or type of its last
    /// `exception` event, else its `error.type`.
    pub error: Option<TextAt>,
    /// The position of the span in its batch.
    pub index: u32,
    resource_id: i64,
    scope_id: i64,
    status: u8,
    flags: u32,
    dropped: DroppedCounts,
    ingest: IngestMetadata,
    /// The position of its parts in the bytes of its batch.
    offset: usize,
    /// The lengths of trace state, status message, attributes, events, links and payloads.
    lengths: [u32; 6],
}

impl BatchSpan {
    /// Returns whether the span has a parent.
    pub(super) const fn has_parent(&self) -> bool {
        self.parent_span_id.is_some()
    }

    /// Returns the process of the span and its sequence number there; `None` when it has no number.
    pub(super) fn numbered(&self) -> Option<(i64, i64)> {
        self.ingest.process_id.zip(self.ingest.sequence)
    }

    /// Returns the span, given the bytes of its batch.
    pub(super) fn record<'a>(&self, bytes: &'a [u8]) -> SpanRecord<'a> {
        let mut rest = bytes.get(self.offset..).unwrap_or_default();
        let parts = self.lengths.map(|len| {
            let (part, after) = rest.split_at_checked(len as usize).unwrap_or_default();
            rest = after;
            part
        });
        let [state, message, attributes, events, links, payloads] = parts;
        // The bytes were written from texts.
        let text = |bytes: &'a [u8]| core::str::from_utf8(bytes).unwrap_or_default();
        SpanRecord {
            trace_id: self.trace_id,
            span_id: self.span_id,
            parent_span_id: self.parent_span_id,
            operation_id: self.operation_id,
            service_id: self.service_id,
            resource_id: self.resource_id,
            scope_id: self.scope_id,
            start_ns: self.start_ns,
            duration_ns: self.duration_ns,
            status: self.status,
            flags: self.flags,
            dropped: self.dropped,
            trace_state: text(state),
            status_message: text(message),
            attributes,
            events,
            links,
            payloads,
            ingest: self.ingest,
        }
    }
}

/// The fields that a span shares with others of its batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context {
    pub service_id: i64,
    pub operation_id: i64,
    pub resource_id: i64,
    pub scope_id: i64,
    pub received_ns: i64,
    pub index: u32,
}

/// The buffer for the parts of spans.
#[derive(Debug, Default)]
pub(super) struct RowBuffers {
    /// Parts of spans, one after the other.
    pub bytes: Vec<u8>,
    /// A buffer in which the content of repaired spans is assembled before it is hashed.
    scratch: Vec<u8>,
    /// The encoded attributes, events and links of a decoded span.
    encoded: [Vec<u8>; 3],
}

impl RowBuffers {
    /// Creates buffers with capacity for `bytes` bytes of parts.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            ..Self::default()
        }
    }
}

/// Appends the parts of `span` to `out`. `payloads` are its encoded references to offloaded values.
pub(super) fn encode(
    span: &Span,
    context: Context,
    mut ingest: IngestMetadata,
    payloads: &[u8],
    out: &mut RowBuffers,
) -> BatchSpan {
    // Only with this repair did the server, and not the sender, set the attribute.
    if RepairSet::of(&span.attributes).contains(Repair::ValueCut) {
        let cut_bytes = span.attributes.get(semconv::CUT_BYTES);
        ingest.cut_bytes = cut_bytes.and_then(AttributeValue::as_int);
    }
    let mut encoded = std::mem::take(&mut out.encoded);
    let row = append(&packed(span, &mut encoded), context, ingest, payloads, out);
    out.encoded = encoded;
    row
}

/// Encodes the parts of a span into `parts`, and returns it with them.
fn packed<'a>(span: &'a Span, parts: &'a mut [Vec<u8>; 3]) -> PackedSpan<'a> {
    let [attributes, events, links] = parts;
    attributes.clear();
    binary::encode_attributes(&span.attributes, attributes);
    events.clear();
    binary::encode_events(&span.events, events);
    links.clear();
    binary::encode_links(&span.links, links);
    PackedSpan {
        trace_id: span.trace_id,
        span_id: span.span_id,
        parent_span_id: span.parent_span_id,
        trace_state: &span.trace_state,
        flags: span.flags,
        name: &span.name,
        kind: span.kind,
        start: span.start,
        end: span.end.max(span.start),
        status: span.status.code,
        status_message: &span.status.message,
        attributes,
        dropped_attributes_count: span.dropped_attributes_count,
        events,
        dropped_events_count: span.dropped_events_count,
        links,
        dropped_links_count: span.dropped_links_count,
    }
}

/// Appends the parts of a packed span. The bytes are the same as those of the decoded and validated
/// span.
pub(super) fn encode_packed(
    span: &PackedSpan<'_>,
    context: Context,
    ingest: IngestMetadata,
    out: &mut RowBuffers,
) -> BatchSpan {
    append(span, context, ingest, &[], out)
}

/// Appends the parts of a span. Costs one copy of the span and one hash of it.
fn append(
    span: &PackedSpan<'_>,
    context: Context,
    ingest: IngestMetadata,
    payloads: &[u8],
    buffers: &mut RowBuffers,
) -> BatchSpan {
    let RowBuffers {
        bytes: out,
        scratch,
        ..
    } = buffers;
    let offset = out.len();
    out.extend_from_slice(span.trace_state.as_bytes());
    let message_at = out.len();
    out.extend_from_slice(span.status_message.as_bytes());
    let is_error = span.status == StatusCode::Error;
    let attributes_at = out.len();
    out.extend_from_slice(span.attributes);
    let named = Named::find(out, attributes_at);
    let events_at = out.len();
    out.extend_from_slice(span.events);
    let links_at = out.len();
    let error = is_error.then(|| {
        TextAt::message(message_at, span.status_message)
            .or_else(|| failure::find(out, events_at))
            .or_else(|| named.error_type())
    });
    out.extend_from_slice(span.links);
    let payloads_at = out.len();
    out.extend_from_slice(payloads);
    let ends = [
        message_at,
        attributes_at,
        events_at,
        links_at,
        payloads_at,
        out.len(),
    ];
    let mut begin = offset;
    let lengths = ends.map(|end| {
        let len = end - begin;
        begin = end;
        len as u32
    });
    let mut row = BatchSpan {
        trace_id: span.trace_id.to_bytes(),
        span_id: span.span_id.to_i64(),
        parent_span_id: span.parent_span_id.map(SpanId::to_i64),
        operation_id: context.operation_id,
        service_id: context.service_id,
        start_ns: span.start.get(),
        duration_ns: span.duration_ns(),
        digest: 0,
        is_error,
        user: None,
        session: None,
        error: error.flatten(),
        index: context.index,
        resource_id: context.resource_id,
        scope_id: context.scope_id,
        status: span.status.code(),
        flags: span.flags,
        dropped: DroppedCounts {
            attributes: span.dropped_attributes_count,
            events: span.dropped_events_count,
            links: span.dropped_links_count,
        },
        ingest: IngestMetadata {
            received_ns: context.received_ns,
            ..ingest
        },
        offset,
        lengths,
    };
    let record = row.record(out);
    row.digest = if named.is_repaired() {
        record.digest(scratch)
    } else {
        record.digest_of_parts(&out[offset..])
    };
    // Their texts can stand behind the parts of the span.
    row.user = named.user(out);
    row.session = named.session(out);
    row
}

/// Returns the first reason why the database cannot store this span. Ingest validation repairs all
/// of these, so only a caller that skips it gets a reason.
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
