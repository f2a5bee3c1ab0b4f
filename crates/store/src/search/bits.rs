//! A set of positions in a block.

/// A set of numbers below a fixed bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    /// Returns an empty set for numbers below `len`.
    pub(super) fn none(len: usize) -> Self {
        Self {
            words: vec![0; len.div_ceil(64)],
            len,
        }
    }

    /// Returns the set of all numbers below `len`.
    pub(super) fn all(len: usize) -> Self {
        let mut bits = Self {
            words: vec![u64::MAX; len.div_ceil(64)],
            len,
        };
        bits.trim();
        bits
    }

    pub(super) fn of(len: usize, is_set: impl Fn(usize) -> bool) -> Self {
        let mut bits = Self::none(len);
        (0..len)
            .filter(|at| is_set(*at))
            .for_each(|at| bits.set(at));
        bits
    }

    fn trim(&mut self) {
        if let Some(last) = self.words.last_mut()
            && !self.len.is_multiple_of(64)
        {
            *last &= (1 << (self.len % 64)) - 1;
        }
    }

    pub(super) fn set(&mut self, at: usize) {
        if let Some(word) = self.words.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
    }

    pub(super) fn has(&self, at: usize) -> bool {
        self.words
            .get(at / 64)
            .is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    pub(super) fn is_full(&self) -> bool {
        *self == Self::all(self.len)
    }

    pub(super) fn and(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= other;
        }
    }

    pub(super) fn or(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    pub(super) fn not(mut self) -> Self {
        self.words.iter_mut().for_each(|word| *word = !*word);
        self.trim();
        self
    }

    /// Returns the smallest number of `range` in the set.
    pub(super) fn first_in(&self, range: core::ops::Range<usize>) -> Option<usize> {
        let mut at = range.start;
        while at < range.end {
            let word = self.words.get(at / 64)? >> (at % 64);
            if word != 0 {
                let found = at + word.trailing_zeros() as usize;
                return (found < range.end).then_some(found);
            }
            at = (at / 64 + 1) * 64;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_contains_its_inserted_positions(
            flags in prop::collection::vec(any::<bool>(), 0..200),
            from in 0..200_usize,
            to in 0..200_usize,
        ) {
            let len = flags.len();
            let bits = Bits::of(len, |at| flags[at]);
            prop_assert!((0..len).all(|at| bits.has(at) == flags[at]));
            let (from, to) = (from.min(len), to.min(len));
            let first = (from..to).find(|at| flags[*at]);
            prop_assert_eq!(bits.first_in(from..to), first);
            let inverse = bits.clone().not();
            prop_assert!((0..len).all(|at| inverse.has(at) != flags[at]));
            let mut all = bits.clone();
            all.or(&inverse);
            prop_assert!(all.is_full() && all == Bits::all(len));
            all.and(&bits);
            prop_assert_eq!(&all, &bits);
            prop_assert_eq!(bits.is_empty(), !flags.contains(&true));
        }
    }
}
