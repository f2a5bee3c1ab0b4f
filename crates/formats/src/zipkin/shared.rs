//! Gives a new id to server spans that share the span id of their caller.

use std::collections::HashMap;

use throughline_wire::{SpanId, TraceId};

use super::SHARED_SPAN_ID;
use super::span::ReadSpan;

/// The offset basis of 64-bit FNV-1a, which computes new ids. Do not change it: a retry of a span
/// would get another id and be stored twice.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// The new id of each server span, by trace, shared id and service.
pub(super) struct SharedIds(HashMap<(TraceId, SpanId, String), SpanId>);

impl SharedIds {
    /// Collects the shared ids among `spans`.
    pub(super) fn of<M>(spans: &[(usize, ReadSpan, M)]) -> Self {
        let shared = spans.iter().filter(|(_, span, _)| span.is_shared);
        let ids = shared.map(|(_, read, _)| {
            let own = own_id(read.span.span_id, &read.service);
            (key(read, read.span.span_id), own)
        });
        Self(ids.collect())
    }

    /// Replaces the id of a span that shares it, or the parent of a child of such a span.
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
    // Zero is not a valid id. The shared id is a valid replacement.
    SpanId::from_slice(&hash.to_be_bytes()).unwrap_or(shared)
}
