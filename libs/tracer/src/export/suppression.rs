//! Suppresses recording on the threads of the exporter. Otherwise its own requests would be traced
//! and exported in an endless loop.

use std::cell::Cell;

thread_local! {
    static SUPPRESSED: Cell<bool> = const { Cell::new(false) };
}

/// Stops recording on this thread for good.
pub(crate) fn suppress() {
    SUPPRESSED.set(true);
}

pub(crate) fn is_suppressed() -> bool {
    SUPPRESSED.try_with(Cell::get).unwrap_or(true)
}
