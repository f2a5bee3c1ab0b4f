//! The settings of the next `tracing` span of this thread. With them, the integrations of this
//! crate give a span a remote parent, a kind and attributes that no span macro supports.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

use throughline_wire::{Attributes, SpanKind};

use crate::context::{PropagatedHeaders, SpanContext};

/// The start settings of a span.
#[derive(Debug, Default)]
pub(crate) struct SpanSettings {
    /// A parent outside this process; `None` for a child of the current span.
    pub(crate) parent: Option<SpanContext>,
    /// The headers that came with the parent.
    pub(crate) propagated: Option<Arc<PropagatedHeaders>>,
    /// The name of the span; `None` for the name in the macro.
    pub(crate) name: Option<Cow<'static, str>>,
    /// The role of the span.
    pub(crate) kind: SpanKind,
    /// The initial attributes.
    pub(crate) attributes: Attributes,
}

thread_local! {
    static NEXT: Cell<Option<Box<SpanSettings>>> = const { Cell::new(None) };
}

/// The settings that were set before, for example by a surrounding call. They are set again on
/// drop, also while a panic unwinds. The replaced settings are then unused: the span was filtered
/// out, no layer records, or the span was never created.
struct Restore(Option<Box<SpanSettings>>);

impl Drop for Restore {
    fn drop(&mut self) {
        let _ = NEXT.try_with(|next| next.set(self.0.take()));
    }
}

/// Applies `settings` to the first span that `make` creates. Without a recording layer, `make` alone
/// has effect. If `make` panics, no later span gets the settings.
pub(crate) fn start_with(
    settings: SpanSettings,
    make: impl FnOnce() -> tracing::Span,
) -> tracing::Span {
    let _restore = Restore(NEXT.replace(Some(Box::new(settings))));
    make()
}

pub(super) fn take() -> Option<Box<SpanSettings>> {
    NEXT.try_with(Cell::take).ok().flatten()
}
