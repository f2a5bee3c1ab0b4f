//! The position of a span in its trace: its parent and its context.

use std::borrow::Cow;
use std::sync::Arc;

use throughline_wire::{Span, SpanId, UnixNanos};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::active::Active;
use crate::context::{PropagatedHeaders, SpanContext};

/// Returns a span that has only a context and a parent.
pub(super) fn blank(
    context: SpanContext,
    parent_span_id: Option<SpanId>,
    propagated: Option<&PropagatedHeaders>,
    flags: u32,
    start: UnixNanos,
) -> Span {
    Span {
        parent_span_id,
        trace_state: trace_state(propagated),
        flags,
        ..Span::new(context.trace_id, context.span_id, start)
    }
}

pub(super) fn trace_state(propagated: Option<&PropagatedHeaders>) -> Cow<'static, str> {
    propagated.map_or(Cow::Borrowed(""), |propagated| {
        propagated.trace_state.clone().into()
    })
}

/// Returns the OTLP flags of a span (`SpanFlags`): the W3C flags in the low byte, bit 8 set because
/// it is known whether the parent is remote, bit 9 set if it is remote.
pub(super) fn otlp_flags(context: SpanContext, remote: bool) -> u32 {
    u32::from(context.flags.bits()) | 1 << 8 | u32::from(remote) << 9
}

/// A parent span of this process.
pub(super) struct Parent {
    pub(super) context: SpanContext,
    pub(super) propagated: Option<Arc<PropagatedHeaders>>,
}

/// Returns the nearest span that the layer knows, starting at `span` itself.
pub(super) fn nearest<S: for<'a> LookupSpan<'a>>(span: Option<SpanRef<'_, S>>) -> Option<Parent> {
    span?.scope().find_map(|span| {
        let extensions = span.extensions();
        let active = extensions.get::<Active>()?;
        Some(Parent {
            context: active.context,
            propagated: active.propagated.clone(),
        })
    })
}
