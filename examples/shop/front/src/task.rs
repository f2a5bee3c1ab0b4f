//! Runs asynchronous work that a click starts.

use leptos::task::spawn_local;

/// Runs `future` from an event handler.
pub(crate) fn spawn(future: impl Future<Output = ()> + 'static) {
    // TRACE: the requests of the future belong to the click, even if they start after it.
    spawn_local(throughline_browser::with_current(future));
}
