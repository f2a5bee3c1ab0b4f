//! A cache of dictionary entries. An ID is a hash of the content, so an entry never changes and is
//! never invalidated.

use std::collections::HashMap;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use throughline_wire::{InstrumentationScope, Resource};
use uuid::Uuid;

use super::operation::Operation;

/// The entries of all tenants.
///
/// It mostly takes a few MB and at most about 50 MB. Entries over a size limit are not cached. A
/// full cache evicts entries that were not used lately.
#[derive(Debug)]
pub(crate) struct DictionaryCache {
    pub(super) operations: EntryCache<Operation>,
    pub(super) resources: EntryCache<Resource>,
    pub(super) scopes: EntryCache<InstrumentationScope>,
}

impl Default for DictionaryCache {
    fn default() -> Self {
        Self {
            operations: EntryCache::new(10 << 20, 1_024),
            // Decoded attributes with many small values take ten times their encoded size.
            resources: EntryCache::new(2 << 20, 4_096),
            scopes: EntryCache::new(1 << 20, 2_048),
        }
    }
}

/// The entries of one dictionary, by tenant and ID.
#[derive(Debug)]
pub(super) struct EntryCache<T> {
    /// The maximum size of a row to cache, in bytes. A larger entry is read each time.
    entry_bytes: usize,
    entries: Cache<(Uuid, i64), Cached<T>, RowBytes>,
}

#[derive(Debug, Clone)]
struct Cached<T> {
    entry: T,
    row_bytes: usize,
}

/// Weighs an entry: the bytes of its row and of the structures around it.
#[derive(Debug, Clone)]
struct RowBytes;

impl RowBytes {
    /// About the bytes of an entry with an empty row.
    const FIXED: usize = 256;
}

impl<T> Weighter<(Uuid, i64), Cached<T>> for RowBytes {
    fn weight(&self, _: &(Uuid, i64), cached: &Cached<T>) -> u64 {
        (Self::FIXED + cached.row_bytes) as u64
    }
}

impl<T: Clone> EntryCache<T> {
    /// Creates a cache of at most `max_bytes` bytes of rows.
    fn new(max_bytes: usize, entry_bytes: usize) -> Self {
        let typical_entries = max_bytes / (2 * RowBytes::FIXED);
        Self {
            entry_bytes,
            entries: Cache::with_weighter(typical_entries, max_bytes as u64, RowBytes),
        }
    }

    /// Returns the cached entries of `ids`, and the IDs that are not cached.
    pub(super) fn find(&self, tenant: Uuid, ids: Vec<i64>) -> (HashMap<i64, T>, Vec<i64>) {
        let mut found = HashMap::with_capacity(ids.len());
        let mut missing = Vec::new();
        for id in ids {
            match self.entries.get(&(tenant, id)) {
                Some(cached) => {
                    found.insert(id, cached.entry);
                }
                None => missing.push(id),
            }
        }
        (found, missing)
    }

    /// Stores an entry that was read. Its row has about `row_bytes` bytes.
    pub(super) fn keep(&self, tenant: Uuid, id: i64, entry: &T, row_bytes: usize) {
        if row_bytes <= self.entry_bytes {
            let entry = entry.clone();
            self.entries
                .insert((tenant, id), Cached { entry, row_bytes });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: Uuid = Uuid::from_u128(1);

    #[test]
    fn a_cached_entry_is_found_by_its_tenant_alone() {
        let cache = EntryCache::new(1 << 20, 100);
        cache.keep(TENANT, 7, &"seven", 5);
        let (found, missing) = cache.find(TENANT, vec![7, 8]);
        assert_eq!((found[&7], missing), ("seven", vec![8]));
        let (found, missing) = cache.find(Uuid::from_u128(2), vec![7]);
        assert_eq!((found.len(), missing), (0, vec![7]));
    }

    #[test]
    fn large_entries_are_not_cached() {
        let cache = EntryCache::new(1 << 20, 100);
        cache.keep(TENANT, 1, &1, 100);
        cache.keep(TENANT, 2, &2, 101);
        let (found, missing) = cache.find(TENANT, vec![1, 2]);
        assert_eq!((found, missing), (HashMap::from([(1, 1)]), vec![2]));
    }

    #[test]
    fn a_full_cache_evicts_some_entries_and_stays_within_its_bytes() {
        const MAX_BYTES: usize = 1 << 20;
        let cache = EntryCache::new(MAX_BYTES, 1_024);
        let per_entry = RowBytes::FIXED + 1_000;
        let count = 4 * (MAX_BYTES / per_entry) as i64;
        for id in 0..count {
            cache.keep(TENANT, id, &id, 1_000);
            // Entry 0 is used all the time.
            assert_eq!(cache.find(TENANT, vec![0]).1, Vec::<i64>::new(), "{id}");
            let (found, _) = cache.find(TENANT, (0..=id).collect());
            assert!(found.len() * per_entry <= MAX_BYTES);
        }
        let (found, _) = cache.find(TENANT, (0..count).collect());
        assert!(
            found.len() * per_entry > MAX_BYTES / 2,
            "{} left",
            found.len()
        );
    }
}
