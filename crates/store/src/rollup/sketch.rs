//! A mergeable sketch of durations. It returns any percentile with a relative error of at most 1 %.
//!
//! It is the sketch of Masson, Rim and Lee (["a fast and fully-mergeable quantile sketch with
//! relative-error guarantees"](https://www.vldb.org/pvldb/vol12/p2195-masson.pdf), VLDB 2019) with
//! a logarithmic mapping: value `v` belongs to bucket `ceil(log_gamma(v))`. Durations fit 63 bits,
//! so there are at most 2,184 buckets, and buckets are never collapsed. So merging is exact in any
//! order.

use std::collections::BTreeMap;

use crate::varint;

/// A sketch of durations, see the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Sketch {
    /// The number of values below 1 ns.
    zeros: u64,
    buckets: BTreeMap<u16, u64>,
}

/// An error that reports an invalid stored form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored form of a sketch cannot be read")]
pub(crate) struct CorruptSketch;

/// The first byte of the stored form.
const VERSION: u8 = 1;

impl Sketch {
    /// The maximum relative error of a percentile. Rounding adds at most half a nanosecond.
    pub(crate) const RELATIVE_ERROR: f64 = 0.01;
    const GAMMA: f64 = (1.0 + Self::RELATIVE_ERROR) / (1.0 - Self::RELATIVE_ERROR);

    /// Adds a duration. A negative duration counts as 0.
    pub(crate) fn add(&mut self, duration_ns: i64) {
        match index(duration_ns) {
            None => self.zeros += 1,
            Some(index) => *self.buckets.entry(index).or_default() += 1,
        }
    }

    /// Adds the values of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.zeros += other.zeros;
        for (&index, &count) in &other.buckets {
            *self.buckets.entry(index).or_default() += count;
        }
    }

    /// Returns the number of values.
    pub(crate) fn count(&self) -> u64 {
        self.zeros + self.buckets.values().sum::<u64>()
    }

    /// Returns the percentile by nearest rank: the smallest value such that at least this share of
    /// all values is not above it. Returns `None` if there are no values.
    pub(crate) fn quantile(&self, share: f64) -> Option<i64> {
        let count = self.count();
        let rank = ((share * count as f64).ceil() as u64).clamp(1, count.max(1));
        if rank <= self.zeros {
            return Some(0);
        }
        let mut seen = self.zeros;
        self.buckets.iter().find_map(|(&index, &count)| {
            seen += count;
            (seen >= rank).then(|| middle_ns(index))
        })
    }

    /// Encodes the sketch: a version byte, the number of zeros, then for each bucket the distance
    /// to the previous bucket and the count. All numbers are LEB128.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(2 + self.buckets.len() * 3);
        out.push(VERSION);
        varint::put(self.zeros, &mut out);
        let mut last = 0;
        for (&index, &count) in &self.buckets {
            varint::put(u64::from(index - last), &mut out);
            varint::put(count, &mut out);
            last = index;
        }
        out
    }

    /// Decodes the stored form.
    ///
    /// # Errors
    /// Returns [`CorruptSketch`] if the bytes are invalid.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, CorruptSketch> {
        let (&VERSION, mut rest) = bytes.split_first().ok_or(CorruptSketch)? else {
            return Err(CorruptSketch);
        };
        let mut sketch = Self {
            zeros: varint::take(&mut rest).ok_or(CorruptSketch)?,
            buckets: BTreeMap::new(),
        };
        let mut last = 0_u16;
        while !rest.is_empty() {
            let step = u16::try_from(varint::take(&mut rest).ok_or(CorruptSketch)?)
                .map_err(|_| CorruptSketch)?;
            last = last.checked_add(step).ok_or(CorruptSketch)?;
            *sketch.buckets.entry(last).or_default() +=
                varint::take(&mut rest).ok_or(CorruptSketch)?;
        }
        Ok(sketch)
    }
}

/// Returns the bucket of a duration. Returns `None` below 1 ns.
fn index(duration_ns: i64) -> Option<u16> {
    if duration_ns < 1 {
        return None;
    }
    Some(((duration_ns as f64).ln() / Sketch::GAMMA.ln()).ceil() as u16)
}

/// Returns the representative value of a bucket. Its relative error is at most
/// [`Sketch::RELATIVE_ERROR`] for every value in the bucket.
fn middle_ns(index: u16) -> i64 {
    (2.0 * Sketch::GAMMA.powi(index.into()) / (Sketch::GAMMA + 1.0)).round() as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[i64]) -> Sketch {
        let mut sketch = Sketch::default();
        for &value in values {
            sketch.add(value);
        }
        sketch
    }

    fn durations() -> impl Strategy<Value = Vec<i64>> {
        let duration = prop_oneof![Just(0), 0..1_000_i64, 0..10_000_000_000_i64, 0..=i64::MAX];
        prop::collection::vec(duration, 1..200)
    }

    proptest! {
        #[test]
        fn every_percentile_is_within_one_percent(values in durations(), share in 0.0..=1.0_f64) {
            let estimate = of(&values).quantile(share).expect("has values");
            let mut sorted = values;
            sorted.sort_unstable();
            let rank = (share * sorted.len() as f64).ceil() as usize;
            let value = sorted[rank.max(1) - 1];
            // The last term covers the rounding of 64-bit floats at the end of the range.
            let allowed = value as f64 * (Sketch::RELATIVE_ERROR + 1e-9) + 0.5;
            prop_assert!((estimate as f64 - value as f64).abs() <= allowed, "{estimate} for {value}");
        }

        #[test]
        fn merging_sketches_equals_counting_together(a in durations(), b in durations()) {
            let mut merged = of(&a);
            merged.merge(&of(&b));
            let mut reversed = of(&b);
            reversed.merge(&of(&a));
            let together = of(&[a, b].concat());
            prop_assert_eq!(&merged, &together);
            prop_assert_eq!(&reversed, &together);
        }

        #[test]
        fn a_sketch_is_read_back_from_its_stored_form(values in durations()) {
            let sketch = of(&values);
            prop_assert_eq!(Sketch::decode(&sketch.encode()), Ok(sketch));
        }

        #[test]
        fn any_bytes_decode_as_a_sketch_or_fail(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = Sketch::decode(&bytes);
        }
    }

    #[test]
    fn an_empty_sketch_has_no_percentile() {
        assert_eq!(Sketch::default().quantile(0.5), None);
        assert_eq!(of(&[-5]).quantile(0.5), Some(0));
    }

    #[test]
    fn the_stored_form_of_a_sketch_stays_readable() {
        let sketch = of(&[0, 1, 1_000_000, 1_000_000]);
        let stored = [1, 1, 0, 1, 179, 5, 2];
        assert_eq!(sketch.encode(), stored);
        assert_eq!(Sketch::decode(&stored), Ok(sketch));
    }
}
