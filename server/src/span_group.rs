//! What the decoders of `crates/formats` find, as the writer takes it: neither knows the other.

use throughline_formats::ValidatedGroup;
use throughline_store::SpanGroup;

/// Spans and log records on their way into the store.
pub(crate) fn span_group(group: ValidatedGroup) -> SpanGroup {
    SpanGroup {
        resource: group.resource,
        scope: group.scope,
        spans: group.spans,
        packed: group.packed,
        events: group.events,
        ..SpanGroup::default()
    }
}
