//! Counts and percentiles of spans by operation and time window.
//!
//! Compaction counts the spans that leave level 0. It does so in the transaction that deletes their
//! blocks, so each span is counted exactly once. A reader adds the spans that are in level 0 in its
//! snapshot, so its result is always current.
//!
//! Compaction writes windows of 15 minutes. It builds windows of an hour from them once the hour is
//! closed, and windows of a day from the hours. Until then, a reader combines the smaller windows.
//! A span that arrives later is added to all windows that exist.

mod build;
mod counts;
mod level0;
mod read;
mod sketch;
mod store;
mod stored;

pub(crate) use build::build;
pub(crate) use counts::{Counts, count};
pub(crate) use read::rollups;
pub(crate) use store::add;
pub(crate) use stored::StoredWindows;

use self::sketch::Sketch;

/// The counts of a rollup, for a window of any length.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Figures {
    span_count: i64,
    error_count: i64,
    max_ns: i64,
    sketch: Sketch,
}

impl Figures {
    fn add(&mut self, duration_ns: i64, is_error: bool) {
        self.span_count += 1;
        self.error_count += i64::from(is_error);
        self.max_ns = self.max_ns.max(duration_ns);
        self.sketch.add(duration_ns);
    }

    fn merge(&mut self, other: &Self) {
        self.span_count += other.span_count;
        self.error_count += other.error_count;
        self.max_ns = self.max_ns.max(other.max_ns);
        self.sketch.merge(&other.sketch);
    }
}

/// Merges stored sketches. A sketch that cannot be decoded counts as empty, so that one damaged
/// sketch does not block the others.
fn decode_sketches<'a>(stored: impl IntoIterator<Item = &'a Vec<u8>>) -> Sketch {
    let mut merged = Sketch::default();
    for bytes in stored {
        match Sketch::decode(bytes) {
            Ok(sketch) => merged.merge(&sketch),
            Err(error) => tracing::error!(%error, "cannot read the sketch of a rollup"),
        }
    }
    merged
}

/// Returns the start of the window of length `window_ns` that contains `instant_ns`.
const fn window_start(instant_ns: i64, window_ns: i64) -> i64 {
    instant_ns.div_euclid(window_ns).saturating_mul(window_ns)
}
