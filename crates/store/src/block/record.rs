//! The span record that a block stores, and the digest of its content.

use throughline_codec::binary;
use throughline_wire::semconv;
use xxhash_rust::xxh3::xxh3_64;

use crate::ids;

/// A span with the data of the sender and the metadata of ingest.
///
/// Attributes, events and links are OTLP protobuf, as `throughline_codec::binary` encodes them.
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
    /// The OpenTelemetry status code: 0 unset, 1 ok, 2 error.
    pub status: u8,
    pub flags: u32,
    pub dropped: DroppedCounts,
    pub trace_state: &'a str,
    pub status_message: &'a str,
    pub attributes: &'a [u8],
    pub events: &'a [u8],
    pub links: &'a [u8],
    /// The references to offloaded payloads, see `payload_refs`. Empty if there are none.
    pub payloads: &'a [u8],
    pub ingest: IngestMetadata,
}

/// The numbers of attributes, events and links that the sender dropped from a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DroppedCounts {
    pub attributes: u32,
    pub events: u32,
    pub links: u32,
}

/// The metadata that ingest adds to a span. It is not part of the content: a retry of the same span
/// may have other metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct IngestMetadata {
    pub received_ns: i64,
    /// The ID of the process that recorded the span.
    pub process_id: Option<i64>,
    /// The sequence number of the span in that process.
    pub sequence: Option<i64>,
    /// The server time minus the sender time in ns, as the sender measured it.
    pub clock_offset_ns: Option<i64>,
    /// The maximum error of the clock offset in ns: half the width of its interval.
    pub clock_error_ns: Option<i64>,
    /// The number of bytes that ingest truncated from values.
    pub cut_bytes: Option<i64>,
}

/// The status code of a failed span.
pub(crate) const STATUS_ERROR: u8 = 2;

impl SpanRecord<'_> {
    /// Returns true if the status of the span is error.
    pub(crate) const fn is_error(&self) -> bool {
        self.status == STATUS_ERROR
    }

    /// Returns the end of the span in ns since 1970. Saturates on overflow.
    pub(crate) const fn end_ns(&self) -> i64 {
        self.start_ns.saturating_add(self.duration_ns)
    }

    /// Returns a 64-bit hash of the content without the attributes that ingest adds. A retried span
    /// has the same hash. Copies the span into `scratch` and hashes it once.
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

    /// Returns the same hash for a span without attributes that ingest adds. `parts` are the parts
    /// of variable size, concatenated. Hashes the span once and copies nothing.
    pub(crate) fn digest_of_parts(&self, parts: &[u8]) -> i64 {
        let mut fixed = [0; FIXED_BYTES];
        let mut rest = fixed.as_mut_slice();
        let mut put = |bytes: &[u8]| {
            if let Some((slot, after)) =
                core::mem::take(&mut rest).split_at_mut_checked(bytes.len())
            {
                slot.copy_from_slice(bytes);
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

    /// Returns the parts of variable size.
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

/// The number of bytes that a digest covers besides the hash of the variable-size parts: a trace
/// ID, eight 64-bit numbers, two bytes, ten 32-bit numbers.
const FIXED_BYTES: usize = 16 + 8 * 8 + 2 + 10 * 4;

/// Returns the encoded attributes without the ones that ingest adds. Returns `None` if there are
/// none of these. They can differ between retries: for example, the clock-skew attribute depends on
/// the arrival time.
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
