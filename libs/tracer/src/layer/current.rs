//! Gives code outside the layer access to the current open span.

use tracing::dispatcher::{self, Dispatch};
use tracing::span;
use tracing_subscriber::Registry;
use tracing_subscriber::registry::LookupSpan;

use crate::active::Active;

/// Runs `act` on the nearest open span that the layer knows. `act` holds the lock of the span, so
/// it must not log.
pub(crate) fn with<T>(act: impl FnOnce(&mut Active) -> T) -> Option<T> {
    let mut act = Some(act);
    dispatcher::get_default(|dispatch| {
        let current = dispatch.current_span();
        nearest(dispatch, current.id()?, &mut act)
    })
}

/// Runs `act` like [`with`], on `span` or its nearest known ancestor.
#[cfg(feature = "axum")]
pub(crate) fn with_span<T>(span: &tracing::Span, act: impl FnOnce(&mut Active) -> T) -> Option<T> {
    span.with_subscriber(|(id, dispatch)| nearest(dispatch, id, &mut Some(act)))?
}

/// Ends the recording of `span` now and queues it for export, even if handles of it remain. Later
/// records are lost. Its children keep their parent.
#[cfg(feature = "axum")]
pub(crate) fn finish(span: &tracing::Span) {
    let _ = span.with_subscriber(|(id, dispatch)| {
        let layer = dispatch.downcast_ref::<super::Switch>()?.0.as_ref()?;
        let span = dispatch.downcast_ref::<Registry>()?.span(id)?;
        let recording = span
            .extensions_mut()
            .get_mut::<Active>()?
            .recording
            .take()?;
        layer.finish(recording);
        Some(())
    });
}

fn nearest<T, F: FnOnce(&mut Active) -> T>(
    dispatch: &Dispatch,
    id: &span::Id,
    act: &mut Option<F>,
) -> Option<T> {
    let registry = dispatch.downcast_ref::<Registry>()?;
    registry.span(id)?.scope().find_map(|span| {
        let mut extensions = span.extensions_mut();
        let active = extensions.get_mut::<Active>()?;
        act.take().map(|act| act(active))
    })
}
