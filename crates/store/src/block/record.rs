//! A span as a block stores it, and the digest of its content.

use throughline_codec::binary;
use throughline_wire::semconv;
use xxhash_rust::xxh3::xxh3_64;

use crate::ids;

/// A span: what the sender said of it, and what the server noted at ingest.
///
/// Attributes, events and links are OTLP protobuf, as `throughline_codec::binary` writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpanRecord<'a> {
    pub trace_id: [u8; 16],
    pub span_id: i64,
    pub parent_span_id: Option<i64>,
    pub operation_id: i64,
    /// The service of the operation.
    pub service_id: i64,
    pub resource_id: i64,
    pub scope_id: i64,
    pub start_ns: i64,
    pub duration_ns: i64,
    /// OpenTelemetry status code: 0 unset, 1 ok, 2 error.
    pub status: u8,
    pub flags: u32,
    pub dropped: DroppedCounts,
    pub trace_state: &'a str,
    pub status_message: &'a str,
    pub attributes: &'a [u8],
    pub events: &'a [u8],
    pub links: &'a [u8],
    /// References to offloaded payloads, see `payload_refs`; empty when there are none.
    pub payloads: &'a [u8],
    pub ingest: IngestMetadata,
}

/// The numbers of parts of a span that its sender dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DroppedCounts {
    pub attributes: u32,
    pub events: u32,
    pub links: u32,
}

/// The notes of the server about a span at ingest. Not part of the content: the same span sent again
/// may have other notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct IngestMetadata {
    pub received_ns: i64,
    /// The process that made the span.
    pub process_id: Option<i64>,
    /// The number of the span among the spans of that process.
    pub sequence: Option<i64>,
    /// Server time minus sender time, as the sender measured it.
    pub clock_offset_ns: Option<i64>,
    /// Half the width of the interval the offset lies in.
    pub clock_error_ns: Option<i64>,
    /// Bytes of values that ingest cut off.
    pub cut_bytes: Option<i64>,
}

/// The status code of a failed span.
pub(crate) const STATUS_ERROR: u8 = 2;

impl SpanRecord<'_> {
    /// Returns whether the span failed.
    pub(crate) const fn is_error(&self) -> bool {
        self.status == STATUS_ERROR
    }

    /// The end of the span; saturates.
    pub(crate) const fn end_ns(&self) -> i64 {
        self.start_ns.saturating_add(self.duration_ns)
    }

    /// A 64-bit hash of the content, without what ingest marked: a retried span has the same one.
    /// Costs one copy of the span into `scratch` and one hash of it.
    pub(crate) fn digest(&self, scratch: &mut Vec<u8>) -> i64 {
        let unmarked = without_marks(self.attributes);
        let record = SpanRecord {
            attributes: unmarked.as_deref().unwrap_or(self.attributes),
            ..*self
        };
        scratch.clear();
        for part in record.parts() {
            scratch.extend_from_slice(part);
        }
        record.digest_of_parts(scratch)
    }

    /// The same where ingest marked nothing, given the parts of variable size one after the other.
    /// Costs one hash of the span and no copy.
    pub(crate) fn digest_of_parts(&self, parts: &[u8]) -> i64 {
        let mut fixed = [0; FIXED_BYTES];
        let mut rest = fixed.as_mut_slice();
        let mut put = |bytes: &[u8]| {
            if let Some((place, after)) =
                core::mem::take(&mut rest).split_at_mut_checked(bytes.len())
            {
                place.copy_from_slice(bytes);
                rest = after;
            }
        };
        put(&self.trace_id);
        for number in [
            self.span_id,
            self.parent_span_id.unwrap_or_default(),
            self.operation_id,
            self.resource_id,
            self.scope_id,
            self.start_ns,
            self.duration_ns,
            xxh3_64(parts) as i64,
        ] {
            put(&number.to_le_bytes());
        }
        put(&[self.status, u8::from(self.parent_span_id.is_some())]);
        let DroppedCounts {
            attributes,
            events,
            links,
        } = self.dropped;
        for number in [self.flags, attributes, events, links] {
            put(&number.to_le_bytes());
        }
        for part in self.parts() {
            put(&(part.len() as u32).to_le_bytes());
        }
        ids::span_digest(&fixed)
    }

    /// The parts of variable size.
    fn parts(&self) -> [&[u8]; 6] {
        [
            self.trace_state.as_bytes(),
            self.status_message.as_bytes(),
            self.attributes,
            self.events,
            self.links,
            self.payloads,
        ]
    }
}

/// Bytes that a digest covers besides the hash of the parts of variable size: a trace id, eight
/// numbers of 64 bits, two bytes, ten numbers of 32 bits.
const FIXED_BYTES: usize = 16 + 8 * 8 + 2 + 10 * 4;

/// The encoded attributes without those that ingest adds; none when there are none of these.
/// Whether a clock is skewed, for one, depends on when the span came.
fn without_marks(attributes: &[u8]) -> Option<Vec<u8>> {
    let mut keys = binary::attributes_in(attributes).map(|(key, _)| key);
    if !keys.any(|key| key == semconv::REPAIRS.as_bytes()) {
        return None;
    }
    let mut unmarked = binary::decode_attributes(attributes).ok()?;
    unmarked.remove(semconv::REPAIRS);
    unmarked.remove(semconv::CUT_BYTES);
    let mut out = Vec::with_capacity(attributes.len());
    binary::encode_attributes(&unmarked, &mut out);
    Some(out)
}
