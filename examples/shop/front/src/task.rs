//! Work that a click sets off and that goes on after it.

use leptos::task::spawn_local;

/// Runs `future` from inside an event handler.
pub(crate) fn spawn(future: impl Future<Output = ()> + 'static) {
    // TRACE: what it asks of the server belongs to the click, however long it takes.
    spawn_local(throughline_browser::with_current(future));
}
