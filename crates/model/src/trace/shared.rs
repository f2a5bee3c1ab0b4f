//! Finds spans by their id, even if the client and the server of a call share one.
//!
//! With B3 propagation, the span of a server may have the id of its caller's span. The server's
//! span is then the child of the caller's. A span whose parent has this id is a child of the one in
//! its own service, else of the server's.

use std::collections::HashMap;

use throughline_wire::{SpanId, SpanKind};

use crate::SkeletonSpan;

/// The spans that have an id, as indexes.
#[derive(Default)]
struct Halves {
    count: usize,
    /// The first span with the id.
    first: usize,
    /// The first span of a client or producer.
    caller: Option<usize>,
    /// The first span of a server or consumer.
    called: Option<usize>,
    /// The number of spans of a client or producer, and of neither side.
    others: usize,
}

/// The spans of a trace by id.
pub(super) struct SharedIds {
    by_id: HashMap<SpanId, Halves>,
    by_service: HashMap<(SpanId, u32), usize>,
}

fn is_caller(kind: SpanKind) -> bool {
    matches!(kind, SpanKind::Client | SpanKind::Producer)
}

fn is_called(kind: SpanKind) -> bool {
    matches!(kind, SpanKind::Server | SpanKind::Consumer)
}

impl SharedIds {
    pub(super) fn of(spans: &[SkeletonSpan]) -> Self {
        let mut by_id: HashMap<SpanId, Halves> = HashMap::with_capacity(spans.len());
        let mut by_service: HashMap<_, usize> = HashMap::with_capacity(spans.len());
        for (at, span) in spans.iter().enumerate() {
            let halves = by_id.entry(span.span_id).or_insert_with(|| Halves {
                first: at,
                ..Halves::default()
            });
            halves.count += 1;
            if is_called(span.kind) {
                halves.called.get_or_insert(at);
            } else {
                halves.others += 1;
                if is_caller(span.kind) {
                    halves.caller.get_or_insert(at);
                }
            }
            let of_service = by_service.entry((span.span_id, span.service)).or_insert(at);
            if is_called(span.kind) && !is_called(spans[*of_service].kind) {
                *of_service = at;
            }
        }
        Self { by_id, by_service }
    }

    /// Returns whether another span has the id of `span`, apart from the other half of its call.
    pub(super) fn is_duplicate(&self, span: &SkeletonSpan) -> bool {
        self.by_id.get(&span.span_id).is_some_and(|halves| {
            let is_call = halves.caller.is_some() && halves.others == 1;
            halves.count > 1 && !is_call
        })
    }

    /// Returns the parent of the span at `at`, if it is among `spans`.
    pub(super) fn parent_of(&self, spans: &[SkeletonSpan], at: usize) -> Option<usize> {
        let span = spans.get(at)?;
        self.caller_of(spans, span).or_else(|| {
            let parent = span.parent_span_id.filter(|id| *id != span.span_id)?;
            self.with_id(parent, span.service)
        })
    }

    /// Returns the caller's span, if `span` is a server's that shares its id: it has the caller's
    /// parent, no parent, or itself as its parent. A span that names another parent is below that
    /// one.
    fn caller_of(&self, spans: &[SkeletonSpan], span: &SkeletonSpan) -> Option<usize> {
        if !is_called(span.kind) {
            return None;
        }
        let caller = self.by_id.get(&span.span_id)?.caller?;
        let parent = span.parent_span_id;
        let is_shared = parent.is_none_or(|id| id == span.span_id)
            || parent == spans.get(caller)?.parent_span_id;
        is_shared.then_some(caller)
    }

    /// Returns the span with this id to which a child in `service` belongs.
    fn with_id(&self, id: SpanId, service: u32) -> Option<usize> {
        let own = self.by_service.get(&(id, service)).copied();
        own.or_else(|| {
            let halves = self.by_id.get(&id)?;
            let is_call = halves.caller.is_some();
            Some(halves.called.filter(|_| is_call).unwrap_or(halves.first))
        })
    }
}
