//! Offloaded payloads: the span contains a preview, and the whole value is fetched on request.

use std::sync::Arc;

use leptos::ev;
use leptos::prelude::*;
use leptos::task::spawn_local;
use throughline_model::{EventCursor, PayloadPlace, PayloadRef, SpanDetails, StoredEvent};
use throughline_viz::format_bytes;
use throughline_wire::{Repair, RepairSet, SpanId, TraceId};

use super::value_text::text_of;
use crate::api::{get_event_payload, get_span_payload};
use crate::ui::{Glyph, Icon, Statement, copy_text, visible};

/// The largest payload that is shown, in bytes. A larger one can only be downloaded, because
/// browsers scroll it poorly.
const SHOWN_BYTES: u64 = 4_000_000;

/// The offloaded payloads of a span. Cheap to clone.
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

    /// Returns the offloaded payload of an attribute of the span. `None` if the span has the whole
    /// value.
    pub(super) fn attribute(&self, key: &str) -> Option<OffloadedPayload> {
        self.kept(PayloadRef::of_attribute(&self.payloads, key))
    }

    /// Returns the offloaded status message.
    pub(super) fn status_message(&self) -> Option<OffloadedPayload> {
        self.kept(PayloadRef::of_status_message(&self.payloads))
    }

    /// Returns the offloaded payload of an attribute of the event at index `place`.
    pub(super) fn event(&self, place: usize, key: &str) -> Option<OffloadedPayload> {
        self.kept(PayloadRef::of_event(&self.payloads, place, key))
    }

    /// Returns the offloaded payload of an attribute of the link at index `place`.
    pub(super) fn link(&self, place: usize, key: &str) -> Option<OffloadedPayload> {
        self.kept(PayloadRef::of_link(&self.payloads, place, key))
    }

    /// Reports whether ingest made this repair.
    pub(super) fn has(&self, repair: Repair) -> bool {
        self.repairs.contains(repair)
    }

    fn kept(&self, reference: Option<&PayloadRef>) -> Option<OffloadedPayload> {
        reference.map(|reference| {
            OffloadedPayload::of(Holder::Span(self.trace_id, self.span_id), reference)
        })
    }
}

/// The owner of a value.
#[derive(Clone, Copy)]
enum Holder {
    Span(TraceId, SpanId),
    Event(EventCursor),
}

/// An offloaded payload.
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

    /// Returns the offloaded payload at `place` of an event. `None` if the event has the whole
    /// value.
    pub(super) fn of_event(event: &StoredEvent, place: &PayloadPlace) -> Option<Self> {
        let kept = event.payloads.iter().find(|known| known.place == *place)?;
        Some(Self::of(Holder::Event(event.cursor), kept))
    }

    /// Returns the download URL, which works with and without script.
    fn href(&self) -> String {
        let holder = match self.holder {
            Holder::Span(trace_id, span_id) => format!("traces/{trace_id}/spans/{span_id}"),
            Holder::Event(cursor) => format!("events/{cursor}"),
        };
        format!("/api/admin/{holder}/payloads/{}", self.hash)
    }

    /// Fetches the payload and passes it to `then` as readable text.
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
                Ok(None) => "This value is no longer stored.".to_owned(),
                Err(error) => format!("Cannot fetch the value: {error}."),
            };
            state.set(State::Failed(problem));
        });
    }
}

/// The presentation of a value.
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

/// The preview of a value with its full size, and the controls to show or download the whole value.
/// The root element is one `div`.
#[component]
pub(super) fn Whole(
    /// The offloaded payload.
    kept: OffloadedPayload,
    /// The preview that the span contains.
    preview: String,
    /// The name of the value.
    what: String,
    /// The presentation.
    look: Look,
) -> impl IntoView {
    // Reference-counted, not owned by the pane: while the next span is awaited, this view still
    // exists.
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
        // Middle clicks and modified clicks keep the browser's behaviour.
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
            Look::Text => view! { <div class="text">{visible(&text)}</div> }.into_any(),
            Look::Statement => view! { <Statement text /> }.into_any(),
            Look::Stack => view! {
                <pre tabindex="0" aria-label="stack trace">
                    {visible(&text)}
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
    let title = format!("Copy the whole {}", visible(&what));
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
