//! Counts and percentiles of spans by operation and window of time.
//!
//! A writer appends what a commit added, in the transaction of the commit and from newly inserted
//! rows only, so that a span that comes twice counts once. One task folds these deltas into
//! windows of 15 minutes, 1 hour and 24 hours; a reader adds what is not folded yet, so that its
//! figures never lag and a late span is in its own window.

mod delta;
mod fold;
mod read;
mod sketch;

pub(crate) use delta::RollupDeltas;
pub(crate) use fold::fold;
pub(crate) use read::rollups;

use self::sketch::Sketch;

/// What every rollup counts, however wide its window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Figures {
    span_count: i64,
    error_count: i64,
    max_ns: i64,
    sketch: Sketch,
}

impl Figures {
    fn merge(&mut self, other: &Self) {
        self.span_count += other.span_count;
        self.error_count += other.error_count;
        self.max_ns = self.max_ns.max(other.max_ns);
        self.sketch.merge(&other.sketch);
    }
}

/// The stored sketch; one that cannot be read counts as empty, or it would hold up all others.
fn decode_sketch(bytes: &[u8]) -> Sketch {
    Sketch::decode(bytes).unwrap_or_else(|error| {
        tracing::error!(%error, "a rollup has no percentiles");
        Sketch::default()
    })
}

/// First instant of the window of `window_ns` that `instant_ns` lies in.
const fn window_start(instant_ns: i64, window_ns: i64) -> i64 {
    instant_ns.div_euclid(window_ns).saturating_mul(window_ns)
}
