//! Dictionary ids: 64-bit hashes of the content, the same on every server.
//!
//! An id is unique within a tenant only (the tables' keys begin with the tenant), so a collision of
//! one tenant never affects another. Do not change a hash: stored rows could no longer be found.

use core::hash::{BuildHasherDefault, Hasher};
use std::collections::{HashMap, HashSet};

use throughline_wire::{SpanKind, TraceId};
use uuid::Uuid;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

/// The seeds of the hashes, one for each kind of content. Equal texts of two kinds get different
/// ids.
const SERVICE: u64 = 1;
const OPERATION: u64 = 2;
const RESOURCE: u64 = 3;
const SCOPE: u64 = 4;
const SPAN: u64 = 5;
const EVENT: u64 = 7;

/// A tenant and a trace.
pub(crate) type TraceKey = ([u8; 16], [u8; 16]);
/// A tenant and the digest of a span, which does not cover the tenant.
pub(crate) type SpanKey = ([u8; 16], i64);
/// A set of spans.
pub(crate) type SpanKeys = HashSet<SpanKey, BuildHasherDefault<IdHasher>>;
/// The key of an event: its tenant, its time, its digest. Digests do not cover the tenant.
pub(crate) type EventKey = ([u8; 16], i64, i64);
/// A set of events.
pub(crate) type EventKeys = HashSet<EventKey, BuildHasherDefault<IdHasher>>;
/// A set of ids or digests.
pub(crate) type IdSet = HashSet<i64, BuildHasherDefault<IdHasher>>;
/// A map whose keys are ids or digests, or hold one.
pub(crate) type IdMap<V, K = i64> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// Converts ids to a column of a statement.
pub(crate) fn uuids(ids: impl Iterator<Item = [u8; 16]>) -> Vec<Uuid> {
    ids.map(Uuid::from_bytes).collect()
}

/// Returns a trace id in the form that Postgres stores.
pub(crate) fn uuid(trace_id: TraceId) -> Uuid {
    Uuid::from_bytes(trace_id.to_bytes())
}

/// A hasher for ids. Ids are hashes already; hashing them again costs more than the rest of a
/// look-up.
///
/// A sender could craft content whose hashes share bits. That slows down only its own group, and
/// the limit on the size of a group bounds the cost.
#[derive(Debug, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = self.0.rotate_left(23) ^ id;
    }

    fn write_i64(&mut self, id: i64) {
        // In a key of several ids, the earlier ids count too.
        self.0 = self.0.rotate_left(23) ^ id as u64;
    }
}

/// Returns the id of a service, from its name.
pub(crate) fn service(name: &str) -> i64 {
    xxh3_64_with_seed(name.as_bytes(), SERVICE) as i64
}

/// Returns the id of an operation: a span name of one kind in one service.
pub(crate) fn operation(service_id: i64, kind: SpanKind, name: &str) -> i64 {
    // The seed carries service and kind, so no buffer is needed to join them to the name.
    let seed = (service_id as u64)
        .wrapping_mul(31)
        .wrapping_add(u64::from(kind.code()))
        ^ OPERATION.rotate_right(8);
    xxh3_64_with_seed(name.as_bytes(), seed) as i64
}

/// Returns the id of a resource, from its encoded form.
pub(crate) fn resource(encoded: &[u8]) -> i64 {
    xxh3_64_with_seed(encoded, RESOURCE) as i64
}

/// Returns the id of an instrumentation scope, from its encoded form.
pub(crate) fn scope(encoded: &[u8]) -> i64 {
    xxh3_64_with_seed(encoded, SCOPE) as i64
}

/// Returns the digest of a span, from its encoded row.
pub(crate) fn span_digest(encoded: &[u8]) -> i64 {
    xxh3_64_with_seed(encoded, SPAN) as i64
}

/// Returns the digest of an event, from its encoded row.
pub(crate) fn event_digest(encoded: &[u8]) -> i64 {
    xxh3_64_with_seed(encoded, EVENT) as i64
}

/// Returns the digest of the nth occurrence of the same content, counted from 0.
pub(crate) fn nth(digest: i64, occurrence: u64) -> i64 {
    if occurrence == 0 {
        digest
    } else {
        xxh3_64_with_seed(&occurrence.to_be_bytes(), digest as u64) as i64
    }
}

/// Returns the hash of a large value, from its encoded form.
pub(crate) fn payload(encoded: &[u8]) -> [u8; 16] {
    xxh3_128(encoded).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_ids_never_change() {
        let service_id = service("shop");
        let ids = [
            service_id,
            operation(service_id, SpanKind::Server, "GET /"),
            resource(b"r"),
            scope(b"r"),
            span_digest(b"r"),
            event_digest(b"r"),
            nth(5, 1),
        ];
        let expected = [
            5_064_741_296_929_650_403,
            5_719_817_693_692_516_025,
            8_224_779_455_415_854_635,
            7_061_877_217_084_067_160,
            -6_309_014_766_217_116_191,
            -6_235_336_801_960_587_303,
            -8_542_944_377_338_570_139,
        ];
        assert_eq!(ids, expected);
        assert_eq!(nth(5, 0), 5);
    }
}
