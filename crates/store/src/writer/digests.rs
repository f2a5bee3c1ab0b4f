//! The digests of the stored spans of a trace: read from its blocks, and cached for large traces.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sqlx::PgConnection;
use uuid::Uuid;

use super::fingerprint;
use crate::block::find::{self, TraceInBlocks};
use crate::ids::{IdSet, TraceKey};

/// The most digests in the cache, of all large traces together: about 16 MiB.
const MAX_CACHED_DIGESTS: usize = 500_000;

/// The state of a trace while its row is locked. Equal states have the same spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LockedTrace {
    pub key: TraceKey,
    pub first_block_id: i64,
    pub span_count: i32,
    pub start_ns: i64,
    pub end_ns: i64,
}

/// A large trace after a commit.
#[derive(Debug)]
pub(super) struct Grown {
    pub trace: LockedTrace,
    pub digests: IdSet,
}

#[derive(Debug)]
struct CachedDigests {
    first_block_id: i64,
    span_count: i32,
    digests: IdSet,
}

/// The digests of large traces that this server wrote recently. An entry is valid only while the
/// locked row of the trace has the same number of spans.
#[derive(Debug, Default)]
pub(super) struct DigestCache(Mutex<HashMap<TraceKey, CachedDigests>>);

impl DigestCache {
    fn get(&self, trace: &LockedTrace) -> Option<IdSet> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(&trace.key)?;
        let is_same =
            entry.first_block_id == trace.first_block_id && entry.span_count == trace.span_count;
        is_same.then(|| entry.digests.clone())
    }

    /// Caches the digests of a commit, once it has succeeded.
    pub(super) fn put(&self, grown: Vec<Grown>) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for Grown { trace, digests } in grown {
            if digests.len() <= fingerprint::MAX_SPANS {
                continue;
            }
            let cached = entries.values().map(|entry| entry.digests.len());
            if cached.sum::<usize>() + digests.len() > MAX_CACHED_DIGESTS {
                entries.clear();
            }
            let entry = CachedDigests {
                first_block_id: trace.first_block_id,
                span_count: trace.span_count,
                digests,
            };
            entries.insert(trace.key, entry);
        }
    }
}

/// Returns the digests of all spans of these traces, whose rows are locked.
pub(super) async fn of_traces(
    connection: &mut PgConnection,
    cache: &DigestCache,
    traces: &[LockedTrace],
) -> Result<HashMap<TraceKey, IdSet>, sqlx::Error> {
    let mut digests = HashMap::with_capacity(traces.len());
    let mut scratch = Vec::new();
    for trace in traces {
        if let Some(cached) = cache.get(trace) {
            digests.insert(trace.key, cached);
            continue;
        }
        let (tenant, trace_id) = trace.key;
        let wanted = TraceInBlocks {
            tenant: Uuid::from_bytes(tenant),
            trace_id: Uuid::from_bytes(trace_id),
            first_block_id: trace.first_block_id,
            first_ns: trace.start_ns,
            last_ns: trace.end_ns,
        };
        let mut known = IdSet::default();
        for part in find::whole_parts(connection, wanted).await? {
            let read = part.for_each(|record| {
                known.insert(record.digest(&mut scratch));
            });
            if let Err(corrupt) = read {
                part.report(corrupt);
            }
        }
        digests.insert(trace.key, known);
    }
    Ok(digests)
}
