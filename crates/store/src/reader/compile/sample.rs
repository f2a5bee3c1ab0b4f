//! Samples of the directory, each with a partial index.

/// Which part of the directory is read: all of it, or one trace in so many, drawn by a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::reader) enum Sample {
    /// Every trace.
    All,
    /// One in 16.
    Sixteenth,
    /// One in 64.
    SixtyFourth,
    /// One in 256.
    TwoHundredFiftySixth,
    /// One in 4096.
    FourThousandNinetySixth,
}

impl Sample {
    /// The samples, the smallest first.
    pub(in crate::reader) const FROM_SMALLEST: [Self; 4] = [
        Self::FourThousandNinetySixth,
        Self::TwoHundredFiftySixth,
        Self::SixtyFourth,
        Self::Sixteenth,
    ];

    /// The largest sample with at most `most` traces, nearly, of `count`.
    pub(in crate::reader) fn of(count: u64, most: u64) -> Self {
        let fits = |sample: &&Self| count / sample.one_in() <= most;
        let largest = Self::FROM_SMALLEST.iter().rev().find(fits);
        largest.copied().unwrap_or(Self::FROM_SMALLEST[0])
    }

    /// One trace in how many.
    pub(in crate::reader) const fn one_in(self) -> u64 {
        match self {
            Self::All => 1,
            Self::Sixteenth => 16,
            Self::SixtyFourth => 64,
            Self::TwoHundredFiftySixth => 256,
            Self::FourThousandNinetySixth => 4_096,
        }
    }

    /// The condition, letter by letter that of a partial index of migration 0003.
    pub(super) const fn condition(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Sixteenth => " AND (uuid_hash_extended(t.trace_id, 0) & 15) = 0",
            Self::SixtyFourth => " AND (uuid_hash_extended(t.trace_id, 0) & 63) = 0",
            Self::TwoHundredFiftySixth => " AND (uuid_hash_extended(t.trace_id, 0) & 255) = 0",
            Self::FourThousandNinetySixth => " AND (uuid_hash_extended(t.trace_id, 0) & 4095) = 0",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_the_largest_that_is_small_enough() {
        assert_eq!(Sample::of(160, 10), Sample::Sixteenth);
        assert_eq!(Sample::of(640, 10), Sample::SixtyFourth);
        assert_eq!(Sample::of(u64::MAX, 10), Sample::FourThousandNinetySixth);
    }
}
