//! The digests of the stored spans of a trace: read from its blocks, and cached for large traces.

use std::collections::HashMap;
use std::sync::Arc;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use sqlx::PgConnection;
use uuid::Uuid;

use super::fingerprint;
use crate::block::find::{self, TraceInBlocks};
use crate::ids::{IdSet, TraceKey};

/// The maximum size of the cache: the digests of about 1.4 million spans.
const MAX_CACHED_BYTES: usize = 16 << 20;

/// The state of a trace while its row is locked. Equal states have the same spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LockedTrace {
    pub key: TraceKey,
    pub first_block_id: i64,
    /// The number of times that the size budget removed spans of any trace.
    pub prune_count: i64,
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
    prune_count: i64,
    span_count: i32,
    digests: IdSet,
}

/// Weighs an entry by the bytes of its table of digests.
#[derive(Debug, Clone)]
struct TableBytes;

impl TableBytes {
    /// The bytes of a digest in the table: 8, a control byte, and the free eighth of the slots.
    const PER_DIGEST: usize = 11;
}

impl Weighter<TraceKey, Arc<CachedDigests>> for TableBytes {
    fn weight(&self, _: &TraceKey, entry: &Arc<CachedDigests>) -> u64 {
        (entry.digests.capacity() * Self::PER_DIGEST) as u64
    }
}

/// The digests of large traces that this server wrote recently. An entry is valid only while the
/// locked row of the trace has the same number of spans, and the size budget removed no spans. A full
/// cache evicts traces that got no spans lately.
#[derive(Debug)]
pub(super) struct DigestCache(Cache<TraceKey, Arc<CachedDigests>, TableBytes>);

impl Default for DigestCache {
    fn default() -> Self {
        Self::of_bytes(MAX_CACHED_BYTES)
    }
}

impl DigestCache {
    fn of_bytes(max_bytes: usize) -> Self {
        let typical_traces = max_bytes / (TableBytes::PER_DIGEST * 4 * fingerprint::MAX_SPANS);
        let mut options = OptionsBuilder::new();
        options
            .estimated_items_capacity(typical_traces.max(1))
            .weight_capacity(max_bytes as u64)
            // More shards would reject a large trace that the whole cache can hold.
            .shards(1);
        // Building fails only if one of the two capacities is missing.
        let options = options.build().expect("both capacities are set");
        Self(Cache::with_options(
            options,
            TableBytes,
            DefaultHashBuilder::default(),
            DefaultLifecycle::default(),
        ))
    }

    fn get(&self, trace: &LockedTrace) -> Option<IdSet> {
        let entry = self.0.get(&trace.key)?;
        let is_same = entry.first_block_id == trace.first_block_id
            && entry.prune_count == trace.prune_count
            && entry.span_count == trace.span_count;
        is_same.then(|| entry.digests.clone())
    }

    /// Caches the digests of a commit, once it has succeeded.
    pub(super) fn put(&self, grown: Vec<Grown>) {
        for Grown { trace, digests } in grown {
            if digests.len() > fingerprint::MAX_SPANS {
                let entry = CachedDigests {
                    first_block_id: trace.first_block_id,
                    prune_count: trace.prune_count,
                    span_count: trace.span_count,
                    digests,
                };
                self.0.insert(trace.key, Arc::new(entry));
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    const SPANS: i64 = 2_000;

    fn trace(number: u8) -> LockedTrace {
        LockedTrace {
            key: ([0; 16], [number; 16]),
            first_block_id: 1,
            prune_count: 1,
            span_count: SPANS as i32,
            start_ns: 0,
            end_ns: 1,
        }
    }

    fn grown(number: u8, spans: i64) -> Grown {
        let mut digests = IdSet::default();
        digests.extend(0..spans);
        Grown {
            trace: trace(number),
            digests,
        }
    }

    #[test]
    fn only_large_unchanged_traces_are_found() {
        let cache = DigestCache::default();
        cache.put(vec![grown(1, SPANS), grown(2, 1_000)]);
        assert_eq!(cache.get(&trace(1)), Some(grown(1, SPANS).digests));
        assert_eq!(cache.get(&trace(2)), None);
        for changed in [
            LockedTrace {
                span_count: 1,
                ..trace(1)
            },
            LockedTrace {
                first_block_id: 2,
                ..trace(1)
            },
            LockedTrace {
                prune_count: 2,
                ..trace(1)
            },
        ] {
            assert_eq!(cache.get(&changed), None);
        }
    }

    #[test]
    fn a_full_cache_evicts_some_traces_and_not_the_one_in_use() {
        let bytes_per_trace = grown(1, SPANS).digests.capacity() * TableBytes::PER_DIGEST;
        let cache = DigestCache::of_bytes(20 * bytes_per_trace);
        let found = || {
            (0..100)
                .filter(|at| cache.get(&trace(*at)).is_some())
                .count()
        };
        for at in 0..100 {
            cache.put(vec![grown(at, SPANS)]);
            assert!(cache.get(&trace(0)).is_some(), "after {at}");
            assert!(found() <= 20);
        }
        assert!(found() >= 10, "{} of 20 left", found());
    }

    #[test]
    fn a_trace_that_fills_the_cache_is_cached() {
        let bytes = grown(1, SPANS).digests.capacity() * TableBytes::PER_DIGEST;
        // The crate reserves 3 % for new entries.
        let cache = DigestCache::of_bytes(bytes * 100 / 95);
        cache.put(vec![grown(1, SPANS)]);
        assert!(cache.get(&trace(1)).is_some());
        cache.put(vec![grown(2, 10 * SPANS)]);
        assert!(cache.get(&trace(2)).is_none());
    }
}
