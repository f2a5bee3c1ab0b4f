//! Threads whose spans and events are not recorded: those of the exporter, whose requests would
//! otherwise be traced, exported, traced again.

use std::cell::Cell;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Nothing on this thread is recorded from now on.
pub(crate) fn keep_quiet() {
    QUIET.set(true);
}

pub(crate) fn is_quiet() -> bool {
    QUIET.try_with(Cell::get).unwrap_or(true)
}
