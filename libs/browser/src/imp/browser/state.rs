//! The state of the tracer in a page: open spans, the current interaction, the session, the queue.

use std::borrow::Cow;
use std::fmt::Write as _;

use throughline_wire::{Attributes, DropReason, Span, SpanKind, SpanLink, TraceId, semconv};

use super::activity::{Interaction, Page};
use super::{ENTERED, Open, js};
use crate::SpanContext;
use crate::rules::address::Targets;
use crate::rules::clock::Anchor;
use crate::rules::ids::IdPool;
use crate::rules::outbox::Outbox;
use crate::rules::session::Session;

/// The most spans that may be open at a time. Further spans are dropped and counted.
const MAX_OPEN: usize = 512;
/// The time after which an open span leaves its place to a new one if too many are open, in ms.
const UNFINISHED_AFTER_MS: f64 = 600e3;
/// The time after which an open span is announced to the collector, in ms.
const ANNOUNCE_AFTER_MS: f64 = 1_000.0;
/// The session storage key of the session.
pub(super) const SESSION_KEY: &str = "throughline.session";
/// The OTLP flags of the spans and links of a page: sampled, random trace id, and the bit that tells
/// that the parent is known to be local.
const FLAGS: u32 = 0x103;

/// A span that has not ended.
pub(super) struct OpenSpan {
    /// The number by which its handle finds it.
    pub(super) key: u32,
    pub(super) span: Span,
    /// The clock anchor at its start. The span keeps it, so that its duration is monotonic.
    pub(super) anchor: Anchor,
    pub(super) began_ms: f64,
}

impl OpenSpan {
    /// Reports whether the span was announced to the collector.
    pub(super) fn is_announced(&self) -> bool {
        self.span.sequence.is_some()
    }
}

/// The relation of a new span to other spans.
#[derive(Debug, Clone, Copy)]
pub(super) enum Parent {
    /// No relation: the span begins a trace.
    None,
    /// The span begins a trace and links to the span that caused it.
    Linked(SpanContext),
    /// The span is the one that the server announced.
    Joined(SpanContext),
    /// The parent is known.
    Known(SpanContext),
    /// The parent is inferred from time.
    Inferred(SpanContext),
}

/// The visibility of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visibility {
    /// The page is visible, as far as known.
    Visible,
    /// Another tab or window is in front.
    Hidden,
    /// The page is being left.
    Leaving,
}

pub(super) struct State {
    pub(super) targets: Targets,
    pub(super) collector_url: String,
    pub(super) ids: IdPool<fn(&mut [u8])>,
    pub(super) anchor: Anchor,
    pub(super) session: Session,
    pub(super) user_id: Option<String>,
    pub(super) open: Vec<OpenSpan>,
    pub(super) next_key: u32,
    pub(super) page: Option<Page>,
    pub(super) interaction: Option<Interaction>,
    /// The errors that were recorded already. Each one is recorded once.
    pub(super) errors: Vec<String>,
    pub(super) outbox: Outbox,
    /// The time of the last request, in monotonic ms.
    pub(super) sent_ms: f64,
    pub(super) visibility: Visibility,
    pub(super) flush_due: bool,
    pub(super) flush_armed: bool,
    pub(super) look_armed: bool,
}

impl State {
    /// Returns the id of the session. Begins a new session if the old one is over.
    pub(super) fn session_id(&mut self) -> String {
        let wall_ms = js::wall();
        if self.session.is_over(wall_ms) {
            self.session = Session::new(self.ids.uuid(), wall_ms);
        }
        if let Some(text) = self.session.used(wall_ms) {
            js::store(SESSION_KEY, &text);
        }
        self.session.id.clone()
    }

    /// Returns the span that the code running now belongs to.
    pub(super) fn ambient_open(&mut self, now_ms: f64) -> Option<Open> {
        if let Some(entered) = ENTERED.get() {
            return Some(entered);
        }
        self.check(now_ms);
        match (&self.interaction, &self.page) {
            (Some(interaction), _) => Some(interaction.innermost()),
            (None, Some(page)) if page.takes_children(now_ms) => Some(page.open),
            _ => None,
        }
    }

    /// Returns the relation of a span that begins now. `exact` is true if the listeners of the
    /// interaction run.
    pub(super) fn ambient(&mut self, now_ms: f64, exact: bool) -> Parent {
        if let Some(entered) = ENTERED.get() {
            return Parent::Known(entered.context);
        }
        if exact {
            self.interaction_runs(now_ms);
        }
        match self.ambient_open(now_ms) {
            Some(open) if exact && self.interaction.is_some() => Parent::Known(open.context),
            Some(open) => Parent::Inferred(open.context),
            // Work that starts long after a page view is not part of it, but links to it.
            None => match &self.page {
                Some(page) => Parent::Linked(page.open.context),
                None => Parent::None,
            },
        }
    }

    /// Begins a span. Returns `None` and counts a drop if too many spans are open.
    pub(super) fn begin(
        &mut self,
        at_ms: f64,
        name: impl Into<Cow<'static, str>>,
        kind: SpanKind,
        parent: Parent,
    ) -> Option<Open> {
        self.free_place(at_ms);
        if self.open.len() >= MAX_OPEN {
            self.number();
            self.outbox.count_dropped(DropReason::QueueFull, 1);
            return None;
        }
        let (trace_id, parent_span_id) = match parent {
            Parent::None | Parent::Linked(_) => {
                self.anchor = self.anchor.checked(js::wall(), js::now());
                (self.ids.trace_id()?, None)
            }
            Parent::Joined(own) => (own.trace_id, None),
            Parent::Known(parent) | Parent::Inferred(parent) => {
                (parent.trace_id, Some(parent.span_id))
            }
        };
        let span_id = match parent {
            Parent::Joined(own) => own.span_id,
            _ => self.ids.span_id()?,
        };
        let mut attributes = Attributes::default();
        attributes.insert(semconv::SESSION_ID, self.session_id());
        if let Some(user_id) = &self.user_id {
            attributes.insert(semconv::USER_ID, user_id.clone());
        }
        if matches!(parent, Parent::Inferred(_)) {
            attributes.insert(semconv::PARENT_INFERRED, true);
        }
        let links = match parent {
            Parent::Linked(other) => vec![link(other)],
            _ => Vec::new(),
        };
        self.next_key = self.next_key.wrapping_add(1);
        let key = self.next_key;
        let start = self.anchor.stamp(at_ms);
        self.open.push(OpenSpan {
            key,
            anchor: self.anchor,
            began_ms: at_ms,
            span: Span {
                parent_span_id,
                flags: FLAGS,
                name: name.into(),
                kind,
                attributes,
                links,
                ..Span::new(trace_id, span_id, start)
            },
        });
        self.note(trace_id, |idle| idle.began(at_ms));
        Some(Open {
            context: SpanContext { trace_id, span_id },
            key,
        })
    }

    /// Ends the oldest open span if there is no place for a new one and it has been open for long,
    /// such as a request that nobody answers.
    fn free_place(&mut self, now_ms: f64) {
        if self.open.len() >= MAX_OPEN
            && let Some(oldest) = self.open.first_mut()
            && now_ms - oldest.began_ms >= UNFINISHED_AFTER_MS
        {
            let key = oldest.key;
            self.end_unfinished(key, now_ms);
        }
    }

    /// Ends a span that its code did not end.
    pub(super) fn end_unfinished(&mut self, key: u32, at_ms: f64) {
        if let Some(open) = self.open_span(key) {
            open.span.attributes.insert(semconv::UNFINISHED, true);
        }
        self.end(key, at_ms);
    }

    /// Returns the open span with this key.
    pub(super) fn open_span(&mut self, key: u32) -> Option<&mut OpenSpan> {
        // Search from the end, because the newest spans are requested most.
        self.open.iter_mut().rev().find(|open| open.key == key)
    }

    /// Ends a span. A span that has already ended stays unchanged.
    pub(super) fn end(&mut self, key: u32, at_ms: f64) {
        let Some(mut open) = self.discard(key) else {
            return;
        };
        open.span.end = open.anchor.stamp(at_ms).max(open.span.start);
        self.note(open.span.trace_id, |idle| idle.ended(at_ms));
        let number = open.span.sequence.unwrap_or_else(|| self.number());
        open.span.sequence = Some(number);
        match serde_json::to_string(&open.span) {
            Ok(json) => self.outbox.push(number, json),
            Err(_) => self.outbox.count_dropped(DropReason::Other, 1),
        }
    }

    /// Returns the sequence number of a span that is reported for the first time.
    fn number(&mut self) -> u64 {
        if self.outbox.has_sent_final_report() {
            self.outbox.begin_again(self.ids.process_id());
            // The old process announced these spans. The new process must number them again.
            for open in &mut self.open {
                open.span.sequence = None;
            }
        }
        self.outbox.number()
    }

    /// Announces the spans that have been open for a while, so that they are known if the page
    /// crashes.
    pub(super) fn announce(&mut self, now_ms: f64) {
        for at in 0..self.open.len() {
            let open = &self.open[at];
            if open.is_announced() || now_ms - open.began_ms < ANNOUNCE_AFTER_MS {
                continue;
            }
            // The start has the form of a span with zero duration. The collector reads only the
            // fields that are known at the start.
            let Ok(mut json) = serde_json::to_string(&open.span) else {
                continue;
            };
            if !self.outbox.has_space_for_start(json.len()) {
                continue;
            }
            let number = self.number();
            json.pop();
            // Writing to a string cannot fail.
            let _ = write!(json, r#","sequence":{number}}}"#);
            self.outbox.push_start(number, json);
            self.open[at].span.sequence = Some(number);
        }
    }

    /// Removes an open span without sending it.
    pub(super) fn discard(&mut self, key: u32) -> Option<OpenSpan> {
        let at = self.open.iter().rposition(|open| open.key == key)?;
        Some(self.open.remove(at))
    }

    /// Passes an event to the idle detector of the interaction or page view of this trace.
    fn note(
        &mut self,
        trace_id: TraceId,
        note: impl FnOnce(&mut crate::rules::idle::IdleDetector),
    ) {
        match (&mut self.interaction, &mut self.page) {
            (Some(interaction), _) if interaction.root.context.trace_id == trace_id => {
                note(&mut interaction.idle);
            }
            (_, Some(page)) if page.open.context.trace_id == trace_id => note(&mut page.idle),
            _ => {}
        }
    }
}

/// Returns a link to `other`.
pub(super) fn link(other: SpanContext) -> SpanLink {
    SpanLink {
        trace_id: other.trace_id,
        span_id: other.span_id,
        trace_state: Cow::Borrowed(""),
        flags: FLAGS,
        attributes: Attributes::default(),
        dropped_attributes_count: 0,
    }
}
