//! The membership filter of a block. It shows which blocks cannot contain a trace or an attribute
//! value.
//!
//! It is a split block Bloom filter (Putze, Sanders, Singler, "Cache-, Hash- and Space-Efficient
//! Bloom Filters", 2007) with the salts of Parquet. A bucket has 32 bytes: seven words of 32 bits
//! and a checksum of them. Each entry sets one bit in each word. The checksum detects a flipped bit
//! when a search probes the bucket. With ten bits per entry, about 1.3 % of the probes are false
//! positives. A probe reads one bucket, and the database cuts it out of the stored filter.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::Corrupt;
use crate::ids::IdHasher;

/// The size of a bucket in bytes.
pub(crate) const BUCKET_BYTES: usize = 32;
const WORDS: usize = 7;
const BITS_PER_ENTRY: usize = 10;
/// The maximum number of buckets. A block with a larger filter stores none. Each probe then reports
/// that the block may match.
const MAX_BUCKETS: usize = (64 << 10) / BUCKET_BYTES;
const SALTS: [u32; WORDS] = [
    0x47b6_137b,
    0x4497_4d91,
    0x8824_ad5b,
    0xa2b7_289d,
    0x7054_95c7,
    0x2df1_424b,
    0x9efc_4947,
];
const TRACE: u64 = 1;
const KEY: u64 = 2;
const ARRAY: u64 = 3;

/// An entry of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FilterEntry(u64);

impl FilterEntry {
    /// Returns the entry for a trace that has spans in the block.
    pub(crate) fn trace(trace_id: &[u8; 16]) -> Self {
        Self(xxh3_64_with_seed(trace_id, TRACE))
    }

    /// Returns the entry for attribute `key` with a value that has this canonical text.
    pub(crate) fn attribute(key: &[u8], text: &[u8]) -> Self {
        Self::of_hashes(Self::key_hash(key), Self::text_hash(text))
    }

    /// Returns the entry for an attribute from the hashes of key and text. The caller can thus hash
    /// a long text once.
    pub(crate) const fn of_hashes(key_hash: u64, text_hash: u64) -> Self {
        Self((key_hash.rotate_left(25) ^ text_hash).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Returns the entry for an offloaded array. The filter does not have its elements, so the block
    /// may have any value.
    pub(crate) fn offloaded_array() -> Self {
        Self(xxh3_64_with_seed(b"offloaded array", ARRAY))
    }

    /// Returns the entry from the form that [`Self::to_bits`] returned.
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Returns the entry in a form to store. It is never 0.
    pub(crate) fn to_bits(self) -> u64 {
        self.0.max(1)
    }

    /// Returns the hash of an attribute key.
    pub(crate) fn key_hash(key: &[u8]) -> u64 {
        xxh3_64_with_seed(key, KEY)
    }

    /// Returns the hash of the canonical text of a value.
    pub(crate) fn text_hash(text: &[u8]) -> u64 {
        xxh3_64(text)
    }

    /// Returns the factor that selects the bucket. The bucket is the factor times the number of
    /// buckets, shifted right by 32.
    pub(crate) const fn bucket_factor(self) -> i64 {
        (self.0 >> 32) as i64
    }

    fn words(self) -> [u32; WORDS] {
        SALTS.map(|salt| 1 << (salt.wrapping_mul(self.0 as u32) >> 27))
    }

    /// Returns true if the entry may be in the filter of this bucket.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if a bit of the bucket changed.
    pub(crate) fn may_be_in(self, bucket: &[u8]) -> Result<bool, Corrupt> {
        let (words, sum) = bucket
            .split_at_checked(WORDS * 4)
            .filter(|(_, sum)| sum.len() == 4)
            .ok_or(Corrupt("filter"))?;
        if checksum(words) != sum {
            return Err(Corrupt("filter"));
        }
        let (stored, _) = words.as_chunks::<4>();
        Ok(stored
            .iter()
            .zip(self.words())
            .all(|(stored, wanted)| u32::from_le_bytes(*stored) & wanted == wanted))
    }
}

fn checksum(words: &[u8]) -> [u8; 4] {
    (xxh3_64(words) as u32).to_le_bytes()
}

/// Collects the distinct entries of one block after another.
#[derive(Debug, Default)]
pub(super) struct FilterBuilder(HashSet<u64, BuildHasherDefault<IdHasher>>);

impl FilterBuilder {
    pub(super) fn insert(&mut self, entry: FilterEntry) {
        // One entry over the limit is enough: `finish` then returns no filter.
        if self.0.len() <= MAX_BUCKETS * WORDS * 32 / BITS_PER_ENTRY {
            self.0.insert(entry.0);
        }
    }

    /// Returns the filter and empties the builder. Returns `None` if the filter would be too large.
    pub(super) fn finish(&mut self) -> Option<Vec<u8>> {
        let count = (self.0.len() * BITS_PER_ENTRY).div_ceil(WORDS * 32).max(1);
        if count > MAX_BUCKETS {
            self.0.clear();
            return None;
        }
        let mut buckets = vec![[0_u32; WORDS]; count];
        for entry in self.0.drain() {
            let entry = FilterEntry(entry);
            let at = (entry.bucket_factor() as u64 * count as u64) >> 32;
            for (word, bit) in buckets[at as usize].iter_mut().zip(entry.words()) {
                *word |= bit;
            }
        }
        let mut out = Vec::with_capacity(count * BUCKET_BYTES);
        for words in buckets {
            let at = out.len();
            out.extend(words.iter().flat_map(|word| word.to_le_bytes()));
            let sum = checksum(&out[at..]);
            out.extend_from_slice(&sum);
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(filter: &[u8], entry: FilterEntry) -> &[u8] {
        let count = (filter.len() / BUCKET_BYTES) as i64;
        let at = ((entry.bucket_factor() * count) >> 32) as usize * BUCKET_BYTES;
        &filter[at..at + BUCKET_BYTES]
    }

    fn value(number: u32) -> FilterEntry {
        FilterEntry::attribute(b"key", number.to_string().as_bytes())
    }

    #[test]
    fn a_filter_finds_its_entries_with_few_false_positives() {
        for count in [1, 22, 1_000, 45_000] {
            let mut builder = FilterBuilder::default();
            (0..count).for_each(|number| builder.insert(value(number)));
            let filter = builder.finish().expect("fits");
            let found = |number| value(number).may_be_in(bucket(&filter, value(number)));
            assert!((0..count).all(|number| found(number) == Ok(true)));
            let false_positives = (count..count + 10_000)
                .filter(|number| found(*number) == Ok(true))
                .count();
            assert!(false_positives < 250, "{count}: {false_positives}");
        }
    }

    #[test]
    fn a_filter_that_would_be_too_large_is_left_out() {
        let mut builder = FilterBuilder::default();
        (0..50_000).for_each(|number| builder.insert(value(number)));
        assert_eq!(builder.finish(), None);
    }

    #[test]
    fn a_flipped_bit_of_a_filter_is_detected_and_excludes_nothing() {
        let mut builder = FilterBuilder::default();
        builder.insert(value(7));
        let filter = builder.finish().expect("fits");
        for bit in 0..filter.len() * 8 {
            let mut flipped = filter.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(value(7).may_be_in(&flipped), Err(Corrupt("filter")));
        }
    }
}
