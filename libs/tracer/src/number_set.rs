//! A set of sequence numbers in bounded memory.

use std::collections::BTreeMap;

/// A set of numbers as ranges: `start -> end`, exclusive, with gaps between them.
///
/// A gap is a number that does not end: a span that is open, queued, or never closed. Above
/// [`Self::MAX_RANGES`] the oldest gap is closed and its numbers count as members. The collector
/// then no longer waits for these numbers; a span that has one of them is still sent when it ends.
#[derive(Debug, Default)]
pub(crate) struct NumberSet(BTreeMap<u64, u64>);

impl NumberSet {
    /// The maximum number of ranges.
    pub(crate) const MAX_RANGES: usize = 1 << 14;

    pub(crate) fn insert(&mut self, number: u64) {
        self.insert_range(number, number.saturating_add(1));
    }

    /// Adds the numbers of `other`.
    pub(crate) fn extend(&mut self, other: Self) {
        for (start, end) in other.0 {
            self.insert_range(start, end);
        }
    }

    fn insert_range(&mut self, mut start: u64, mut end: u64) {
        // The ranges that overlap or touch the new one become one with it.
        while let Some((&first, &last)) = self.0.range(..=end).next_back()
            && last >= start
        {
            start = start.min(first);
            end = end.max(last);
            self.0.remove(&first);
        }
        self.0.insert(start, end);
        if self.0.len() > Self::MAX_RANGES
            && let (Some((oldest, _)), Some((_, end))) = (self.0.pop_first(), self.0.pop_first())
        {
            self.0.insert(oldest, end);
        }
    }

    /// Returns the numbers from `start` up to and without `end` that are not in the set, in their
    /// order.
    pub(crate) fn missing(&self, start: u64, end: u64) -> impl Iterator<Item = u64> {
        let before = self.0.range(..=start).next_back();
        let first = before.map_or(start, |(_, stop)| start.max(*stop));
        let later = self.0.range(start.saturating_add(1)..);
        let starts = std::iter::once(first).chain(later.clone().map(|(_, stop)| *stop));
        let stops = later.map(|(start, _)| *start).chain(std::iter::once(end));
        starts
            .zip(stops)
            .take_while(move |(start, _)| *start < end)
            .flat_map(move |(start, stop)| start..stop.min(end))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn missing(set: &NumberSet, start: u64, end: u64) -> Vec<u64> {
        set.missing(start, end).collect()
    }

    proptest! {
        #[test]
        fn a_set_of_ranges_is_a_set(
            numbers in proptest::collection::vec(0_u64..40, 0..60),
            others in proptest::collection::vec(0_u64..40, 0..60),
            start in 0_u64..50,
            end in 0_u64..50,
        ) {
            let (mut set, mut other) = (NumberSet::default(), NumberSet::default());
            for number in &numbers {
                set.insert(*number);
            }
            for number in &others {
                other.insert(*number);
            }
            set.extend(other);
            let plain: BTreeSet<u64> = numbers.into_iter().chain(others).collect();
            let expected: Vec<u64> = (start..end).filter(|number| !plain.contains(number)).collect();
            prop_assert_eq!(missing(&set, start, end), expected);
            // Ranges that touch are one.
            let gaps = set.0.iter().zip(set.0.iter().skip(1));
            prop_assert!(gaps.into_iter().all(|((_, stop), (start, _))| stop < start));
        }
    }

    #[test]
    fn numbers_that_never_end_take_bounded_memory() {
        let most = NumberSet::MAX_RANGES as u64;
        let (mut set, mut other) = (NumberSet::default(), NumberSet::default());
        for number in 0..3 * most {
            // Every second number never ends.
            set.insert(2 * number);
            other.insert(8 * most + 2 * number);
        }
        assert_eq!(set.0.len(), NumberSet::MAX_RANGES);
        set.extend(other);
        assert_eq!(set.0.len(), NumberSet::MAX_RANGES);
        // A number in the set stays in it, and the youngest gaps stay open.
        let open = missing(&set, 0, 14 * most);
        assert!(open.iter().all(|number| number % 2 == 1));
        assert_eq!(open.len(), NumberSet::MAX_RANGES);
        assert_eq!(open.last(), Some(&(14 * most - 1)));
    }
}
