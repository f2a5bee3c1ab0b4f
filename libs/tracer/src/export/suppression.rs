//! Threads whose spans and events are not recorded: those of the exporter, whose requests would
//! otherwise be traced, exported, traced again.

use std::cell::Cell;

thread_local! {
    static SUPPRESSED: Cell<bool> = const { Cell::new(false) };
}

/// Nothing on this thread is recorded from now on.
pub(crate) fn suppress() {
    SUPPRESSED.set(true);
}

pub(crate) fn is_suppressed() -> bool {
    SUPPRESSED.try_with(Cell::get).unwrap_or(true)
}
