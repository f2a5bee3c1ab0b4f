//! Fingerprints: two bytes of the digest of each span of a trace, in the row of the trace.
//!
//! A span whose fingerprint is not in the row is new; no block has to be read to know that. In a
//! trace of 1,024 spans, one new span in 64 has the fingerprint of another span and is compared
//! with the stored spans.

/// The most spans of a trace with fingerprints. In a larger trace nearly every new span would have
/// to be compared anyway.
pub(super) const MAX_SPANS: usize = 1_024;

/// The bits of a digest that make a fingerprint; fewer bits cause more collisions.
#[derive(Debug, Clone, Copy)]
pub(super) struct FingerprintMask(u16);

impl FingerprintMask {
    /// Creates a mask of `bits` bits, at most 16.
    pub(super) const fn of_bits(bits: u32) -> Self {
        Self(if bits >= 16 {
            u16::MAX
        } else {
            (1 << bits) - 1
        })
    }

    const fn fingerprint(self, digest: i64) -> u16 {
        digest as u16 & self.0
    }
}

/// The fingerprints of a trace in their stored form; `None` for a trace with too many spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fingerprints(pub Option<Vec<u8>>);

impl From<Option<Vec<u8>>> for Fingerprints {
    fn from(stored: Option<Vec<u8>>) -> Self {
        Self(stored)
    }
}

impl Fingerprints {
    /// Returns the fingerprints of spans with these digests.
    pub(super) fn of(digests: impl ExactSizeIterator<Item = i64>, mask: FingerprintMask) -> Self {
        if digests.len() > MAX_SPANS {
            return Self(None);
        }
        let bytes = digests.flat_map(|digest| mask.fingerprint(digest).to_le_bytes());
        Self(Some(bytes.collect()))
    }

    /// Returns whether a span with this digest may be in the trace.
    pub(super) fn may_have(&self, digest: i64, mask: FingerprintMask) -> bool {
        let Some(bytes) = &self.0 else { return true };
        let wanted = mask.fingerprint(digest).to_le_bytes();
        let (stored, _) = bytes.as_chunks::<2>();
        stored.contains(&wanted)
    }

    /// Returns these fingerprints with those of more spans.
    pub(super) fn with(&self, digests: &[i64], mask: FingerprintMask) -> Self {
        let Some(bytes) = &self.0 else {
            return Self(None);
        };
        if bytes.len() / 2 + digests.len() > MAX_SPANS {
            return Self(None);
        }
        let mut bytes = bytes.clone();
        bytes.extend(
            digests
                .iter()
                .flat_map(|digest| mask.fingerprint(*digest).to_le_bytes()),
        );
        Self(Some(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_fingerprints_match_and_others_do_not() {
        let mask = FingerprintMask::of_bits(16);
        let some = Fingerprints::of([1, 0x1_0002].into_iter(), mask).with(&[3], mask);
        for digest in [1, 2, 3, 0x5_0003] {
            assert!(some.may_have(digest, mask), "{digest}");
        }
        assert!(!some.may_have(4, mask));
        let coarse = FingerprintMask::of_bits(2);
        assert!(Fingerprints::of([1].into_iter(), coarse).may_have(5, coarse));
    }

    #[test]
    fn a_trace_with_too_many_spans_has_no_fingerprints_and_matches_every_digest() {
        let mask = FingerprintMask::of_bits(16);
        let digests: Vec<i64> = (0..MAX_SPANS as i64).collect();
        let full = Fingerprints::of(digests.iter().copied(), mask);
        assert!(full.0.is_some());
        let over = full.with(&[7], mask);
        assert!(over.0.is_none() && over.may_have(123_456, mask));
    }
}
