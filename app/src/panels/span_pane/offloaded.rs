//! Large values: a preview stands in the span, the whole value is fetched when it is asked for.

use std::sync::Arc;

use leptos::ev;
use leptos::prelude::*;
use leptos::task::spawn_local;
use throughline_model::{EventCursor, PayloadPlace, PayloadRef, SpanDetails, StoredEvent};
use throughline_viz::format_bytes;
use throughline_wire::{Repair, RepairSet, SpanId, TraceId};

use super::value::text_of;
use crate::api::{get_event_payload, get_span_payload};
use crate::ui::{Glyph, Icon, Statement, copy_text};

/// A greater value is only downloaded: no browser scrolls through it at ease.
const SHOWN_BYTES: u64 = 4_000_000;

/// What is known of the whole of a span's parts; cheap to clone.
#[derive(Clone)]
pub(super) struct OfSpan {
    trace_id: TraceId,
    span_id: SpanId,
    payloads: Arc<[PayloadRef]>,
    repairs: RepairSet,
}

impl OfSpan {
    pub(super) fn of(details: &SpanDetails) -> Self {
        Self {
            trace_id: details.span.trace_id,
            span_id: details.span.span_id,
            payloads: details.payloads.as_slice().into(),
            repairs: RepairSet::of(&details.span.attributes),
        }
    }

    /// The whole of an attribute of the span, where the span has only a preview.
    pub(super) fn attribute(&self, key: &str) -> Option<OffloadedPayload> {
        self.kept(PayloadRef::of_attribute(&self.payloads, key))
    }

    /// The same of an attribute of the event at `place`.
    pub(super) fn event(&self, place: usize, key: &str) -> Option<OffloadedPayload> {
        self.kept(PayloadRef::of_event(&self.payloads, place, key))
    }

    /// The same of an attribute of the link at `place`.
    pub(super) fn link(&self, place: usize, key: &str) -> Option<OffloadedPayload> {
        self.kept(PayloadRef::of_link(&self.payloads, place, key))
    }

    /// Whether ingest itself made such a repair.
    pub(super) fn has(&self, repair: Repair) -> bool {
        self.repairs.contains(repair)
    }

    fn kept(&self, reference: Option<&PayloadRef>) -> Option<OffloadedPayload> {
        reference.map(|reference| {
            OffloadedPayload::of(Holder::Span(self.trace_id, self.span_id), reference)
        })
    }
}

/// What a value belongs to.
#[derive(Clone, Copy)]
enum Holder {
    Span(TraceId, SpanId),
    Event(EventCursor),
}

/// A value that is kept apart.
#[derive(Clone)]
pub(super) struct OffloadedPayload {
    holder: Holder,
    hash: String,
    byte_count: u64,
}

impl OffloadedPayload {
    fn of(holder: Holder, reference: &PayloadRef) -> Self {
        Self {
            holder,
            hash: reference.hash.clone(),
            byte_count: reference.byte_count,
        }
    }

    /// The whole of what stood at `place` of an event, where the event has only a preview.
    pub(super) fn of_event(event: &StoredEvent, place: &PayloadPlace) -> Option<Self> {
        let kept = event.payloads.iter().find(|known| known.place == *place)?;
        Some(Self::of(Holder::Event(event.cursor), kept))
    }

    /// Where it is downloaded, with and without script.
    fn href(&self) -> String {
        let holder = match self.holder {
            Holder::Span(trace_id, span_id) => format!("traces/{trace_id}/spans/{span_id}"),
            Holder::Event(cursor) => format!("events/{cursor}"),
        };
        format!("/api/admin/{holder}/payloads/{}", self.hash)
    }

    /// Fetches it and hands it to `then` as people read it.
    fn fetch(self, state: ArcRwSignal<State>, then: impl FnOnce(String) + 'static) {
        state.set(State::Fetching);
        spawn_local(async move {
            let answer = match self.holder {
                Holder::Span(trace_id, span_id) => {
                    get_span_payload(trace_id, span_id, self.hash).await
                }
                Holder::Event(cursor) => get_event_payload(cursor, self.hash).await,
            };
            let problem = match answer {
                Ok(Some(payload)) => {
                    then(text_of(&payload.value));
                    return;
                }
                Ok(None) => "It is kept no longer.".to_owned(),
                Err(error) => format!("Not fetched: {error}."),
            };
            state.set(State::Failed(problem));
        });
    }
}

/// How a value is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Text,
    Statement,
    Stack,
}

#[derive(Clone, PartialEq, Eq)]
enum State {
    Preview,
    Fetching,
    Shown,
    Copied,
    Failed(String),
}

/// The preview of a value with its true size, and the ways to the whole of it. What stands here
/// is one `div`.
#[component]
pub(super) fn Whole(
    /// The value.
    kept: OffloadedPayload,
    /// What the span itself has of it.
    preview: String,
    /// What it is called.
    what: String,
    /// How it is drawn.
    look: Look,
) -> impl IntoView {
    // Counted, not owned by the pane: while the next span is awaited this one still stands.
    let state = ArcRwSignal::new(State::Preview);
    let text = ArcRwSignal::new(preview);
    let size = format_bytes(kept.byte_count);
    let href = kept.href();
    let is_shown_here = kept.byte_count <= SHOWN_BYTES;
    let of_show = kept.clone();
    let (text_of_show, state_of_show) = (text.clone(), state.clone());
    let (text_of_copy, state_of_copy) = (text.clone(), state.clone());
    let (of_hidden, of_note) = (state.clone(), state);
    let show = move |event: ev::MouseEvent| {
        // Middle clicks and the like keep their meaning.
        if !is_shown_here || event.ctrl_key() || event.meta_key() || event.shift_key() {
            return;
        }
        event.prevent_default();
        let (text, state) = (text_of_show.clone(), state_of_show.clone());
        of_show.clone().fetch(state.clone(), move |whole| {
            text.set(whole);
            state.set(State::Shown);
        });
    };
    let copy = move |_| {
        let state = state_of_copy.clone();
        if state.get_untracked() == State::Shown {
            copy_text(&text_of_copy.get_untracked());
            return;
        }
        kept.clone().fetch(state.clone(), move |whole| {
            copy_text(&whole);
            state.set(State::Copied);
        });
    };
    let told = size.clone();
    let note = move || match of_note.get() {
        State::Preview => format!("Only the beginning of {told}."),
        State::Fetching => format!("Fetching {told} …"),
        State::Shown => format!("The whole value, {told}."),
        State::Copied => format!("All {told} copied; only the beginning is shown."),
        State::Failed(problem) => problem,
    };
    let body = move || {
        let text = text.get();
        match look {
            Look::Text => view! { <div class="text">{text}</div> }.into_any(),
            Look::Statement => view! { <Statement text /> }.into_any(),
            Look::Stack => view! {
                <pre tabindex="0" aria-label="stack trace">
                    {text}
                </pre>
            }
            .into_any(),
        }
    };
    let link = if is_shown_here {
        format!("Show whole value ({size})")
    } else {
        format!("Download whole value ({size})")
    };
    let title = format!("Copy the whole {what}");
    view! {
        <div class="whole">
            {body}
            <p class="note">
                <span role="status">{note}</span>
                " "
                <a
                    href=href.clone()
                    rel="external"
                    on:click=show
                    hidden=move || of_hidden.get() == State::Shown
                >
                    {link}
                </a>
                " "
                <a href=href rel="external" download="" hidden=!is_shown_here>
                    "Download"
                </a>
                <button type="button" class="copy" title=title on:click=copy>
                    <Icon glyph=Glyph::Copy />
                    "whole value"
                </button>
            </p>
        </div>
    }
    .into_any()
}
