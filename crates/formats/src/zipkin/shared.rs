//! Spans that carry the id of their caller's span.

use std::collections::HashMap;

use throughline_wire::{SpanId, TraceId};

use super::SHARED_SPAN_ID;
use super::span::ReadSpan;

/// FNV-1a, 64 bits: what a new id is made with. Changing it gives spans that are sent again
/// another id: don't.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// By trace, shared id and service: the server's own id.
pub(super) struct SharedIds(HashMap<(TraceId, SpanId, String), SpanId>);

impl SharedIds {
    /// Those among `spans`.
    pub(super) fn of<M>(spans: &[(usize, ReadSpan, M)]) -> Self {
        let shared = spans.iter().filter(|(_, span, _)| span.is_shared);
        let ids = shared.map(|(_, read, _)| {
            let own = own_id(read.span.span_id, &read.service);
            (key(read, read.span.span_id), own)
        });
        Self(ids.collect())
    }

    /// Gives a server that shares an id its own, and its children their parent.
    pub(super) fn apply(&self, read: &mut ReadSpan) {
        if read.is_shared {
            let shared = read.span.span_id;
            if let Some(own) = self.0.get(&key(read, shared)) {
                read.span.span_id = *own;
                read.span.parent_span_id = Some(shared);
                let text = shared.to_string();
                read.span.attributes.insert(SHARED_SPAN_ID, text);
            }
        } else if let Some(parent) = read.span.parent_span_id
            && let Some(own) = self.0.get(&key(read, parent))
        {
            read.span.parent_span_id = Some(*own);
        }
    }
}

fn key(read: &ReadSpan, id: SpanId) -> (TraceId, SpanId, String) {
    (read.span.trace_id, id, read.service.clone())
}

fn own_id(shared: SpanId, service: &str) -> SpanId {
    let bytes = shared.to_bytes().into_iter().chain(service.bytes());
    let hash = bytes.fold(FNV_OFFSET, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME)
    });
    // Zero is no id; what is left is as good as any other.
    SpanId::from_slice(&hash.to_be_bytes()).unwrap_or(shared)
}
