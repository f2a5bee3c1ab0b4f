//! A cache of dictionary entries. An ID is a hash of the content, so an entry never changes and is
//! never invalidated.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use throughline_wire::{InstrumentationScope, Resource};
use uuid::Uuid;

use super::operation::Operation;

/// The entries of all tenants.
///
/// It mostly takes a few MB and at most about 50 MB. Entries over a size limit are not cached. A
/// full cache is cleared, which costs a few look-ups.
#[derive(Debug)]
pub(crate) struct DictionaryCache {
    pub(super) operations: EntryCache<Operation>,
    pub(super) resources: EntryCache<Resource>,
    pub(super) scopes: EntryCache<InstrumentationScope>,
}

impl Default for DictionaryCache {
    fn default() -> Self {
        Self {
            operations: EntryCache::new(10_000, 1_024),
            // Decoded attributes with many small values take ten times their encoded size.
            resources: EntryCache::new(500, 4_096),
            scopes: EntryCache::new(500, 2_048),
        }
    }
}

/// The entries of one dictionary, by tenant and ID.
#[derive(Debug)]
pub(super) struct EntryCache<T> {
    capacity: usize,
    /// The maximum size of a row to cache, in bytes. A larger entry is read each time.
    entry_bytes: usize,
    entries: Mutex<HashMap<(Uuid, i64), T>>,
}

impl<T: Clone> EntryCache<T> {
    fn new(capacity: usize, entry_bytes: usize) -> Self {
        Self {
            capacity,
            entry_bytes,
            entries: Mutex::new(HashMap::new()),
        }
    }

    /// Returns the cached entries of `ids`, and the IDs that are not cached.
    pub(super) fn find(&self, tenant: Uuid, ids: Vec<i64>) -> (HashMap<i64, T>, Vec<i64>) {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = HashMap::with_capacity(ids.len());
        let mut missing = Vec::new();
        for id in ids {
            match entries.get(&(tenant, id)) {
                Some(entry) => {
                    found.insert(id, entry.clone());
                }
                None => missing.push(id),
            }
        }
        (found, missing)
    }

    /// Stores an entry that was read. Its row has about `byte_count` bytes.
    pub(super) fn keep(&self, tenant: Uuid, id: i64, entry: &T, byte_count: usize) {
        if byte_count > self.entry_bytes {
            return;
        }
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= self.capacity {
            entries.clear();
        }
        entries.insert((tenant, id), entry.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: Uuid = Uuid::from_u128(1);

    #[test]
    fn what_is_kept_is_found_by_its_tenant_alone() {
        let cache = EntryCache::new(10, 100);
        cache.keep(TENANT, 7, &"seven", 5);
        let (found, missing) = cache.find(TENANT, vec![7, 8]);
        assert_eq!((found[&7], missing), ("seven", vec![8]));
        let (found, missing) = cache.find(Uuid::from_u128(2), vec![7]);
        assert_eq!((found.len(), missing), (0, vec![7]));
    }

    #[test]
    fn a_full_shelf_starts_over_and_large_entries_are_not_kept() {
        let cache = EntryCache::new(2, 100);
        for id in 0..3 {
            cache.keep(TENANT, id, &id, 8);
        }
        cache.keep(TENANT, 3, &3, 101);
        let (found, _) = cache.find(TENANT, vec![0, 1, 2, 3]);
        assert_eq!(found, HashMap::from([(2, 2)]));
    }
}
