//! What the next `tracing` span of this thread is to be: how the integrations of this crate give
//! a span a remote parent, a kind and attributes that no macro can spell.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

use throughline_wire::{Attributes, SpanKind};

use crate::context::{Carried, SpanContext};

/// The start of a span.
#[derive(Debug, Default)]
pub(crate) struct Seed {
    /// Its parent outside this process, when that is not the span this code runs in.
    pub(crate) parent: Option<SpanContext>,
    /// What came with the parent.
    pub(crate) carried: Option<Arc<Carried>>,
    /// Its name, when that is not the one in the macro.
    pub(crate) name: Option<Cow<'static, str>>,
    /// Its role.
    pub(crate) kind: SpanKind,
    /// What is known of it already.
    pub(crate) attributes: Attributes,
}

thread_local! {
    static NEXT: Cell<Option<Box<Seed>>> = const { Cell::new(None) };
}

/// Creates a span from `seed`: the first one `make` creates. Without a layer that records, `make`
/// alone counts.
pub(crate) fn sow(seed: Seed, make: impl FnOnce() -> tracing::Span) -> tracing::Span {
    NEXT.set(Some(Box::new(seed)));
    let span = make();
    // Nobody took it: the span is filtered out or there is no layer.
    NEXT.take();
    span
}

pub(super) fn take() -> Option<Box<Seed>> {
    NEXT.try_with(Cell::take).ok().flatten()
}
