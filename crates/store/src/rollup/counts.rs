//! Counts spans in memory.

use throughline_model::RollupWindow;
use throughline_wire::StatusCode;

use super::{Figures, window_start};
use crate::block::Skeleton;
use crate::ids::IdMap;

/// The start of a window and an operation.
pub(super) type WindowKey = (i64, i64);

/// Counts of spans by window and operation.
#[derive(Debug)]
pub(crate) struct Counts {
    window_ns: i64,
    figures: IdMap<Figures, WindowKey>,
    /// The lowest complete key. Spans with a lower key are not counted.
    first: WindowKey,
}

impl Counts {
    pub(super) fn new(window: RollupWindow) -> Self {
        Self {
            window_ns: window.length_ns(),
            figures: IdMap::default(),
            first: (i64::MIN, i64::MIN),
        }
    }

    pub(super) fn add(
        &mut self,
        operation_id: i64,
        start_ns: i64,
        duration_ns: i64,
        is_error: bool,
    ) {
        let key = (window_start(start_ns, self.window_ns), operation_id);
        if key >= self.first {
            let figures = self.figures.entry(key).or_default();
            figures.add(duration_ns, is_error);
        }
    }

    /// Drops all except the `most` highest keys once there are twice as many, and ignores the
    /// dropped keys from then on. So each remaining key has counted all its spans.
    pub(super) fn trim(&mut self, most: usize) {
        if self.figures.len() / 2 < most {
            return;
        }
        let mut keys: Vec<WindowKey> = self.figures.keys().copied().collect();
        let cut = keys.len() - most;
        let (_, first, _) = keys.select_nth_unstable(cut);
        self.first = *first;
        self.figures.retain(|key, _| *key >= self.first);
    }

    pub(super) fn into_figures(self) -> IdMap<Figures, WindowKey> {
        self.figures
    }
}

/// Returns true for the status of a failed span.
pub(super) const fn is_error(status: u8) -> bool {
    status == StatusCode::Error.code()
}

/// Counts the spans of blocks by windows of 15 minutes. Ignores spans that started before
/// `oldest_ns`.
pub(crate) fn count<'a>(blocks: impl IntoIterator<Item = &'a Skeleton>, oldest_ns: i64) -> Counts {
    let mut counts = Counts::new(RollupWindow::QuarterHour);
    for skeleton in blocks {
        let traces = 0..skeleton.trace_ids.len();
        // A block that was just built has no damaged spans.
        for span in traces.flat_map(|trace| skeleton.spans(trace)).flatten() {
            if span.start_ns >= oldest_ns {
                let failed = is_error(span.status);
                counts.add(span.operation_id, span.start_ns, span.duration_ns, failed);
            }
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remaining_keys_have_complete_counts_for_any_order_of_spans() {
        let window_ns = RollupWindow::Hour.length_ns();
        let mut counts = Counts::new(RollupWindow::Hour);
        for round in 0..3_i64 {
            for step in 0..40_i64 {
                // Alternates between old and new windows.
                let window = if step % 2 == 0 { step } else { 40 - step };
                counts.add(7, window * window_ns + round, 5, false);
            }
            counts.trim(10);
        }
        let mut left: Vec<_> = counts.into_figures().into_iter().collect();
        left.sort_unstable_by_key(|(key, _)| *key);
        assert_eq!(left.len(), 10);
        assert!(left.iter().all(|(_, figures)| figures.span_count == 3));
        assert_eq!(left[9].0, (39 * window_ns, 7));
        assert_eq!(left[0].0, (30 * window_ns, 7));
    }
}
