//! The events of a span.

use leptos::prelude::*;
use throughline_viz::format_duration;
use throughline_wire::{Repair, SpanEvent, UnixNanos, semconv};

use super::attributes::Dropped;
use super::offloaded::OfSpan;
use super::value::Pair;
use crate::ui::visible;

/// Each event with its time offset and its attributes.
#[component]
pub(super) fn Events(
    /// The events, as sent.
    events: Vec<SpanEvent>,
    /// The number of events that the sender dropped.
    dropped: u32,
    /// The start of the span.
    start: UnixNanos,
    /// The span.
    of_span: OfSpan,
) -> impl IntoView {
    let is_here = of_span.has(Repair::EventsDropped);
    let title = (!events.is_empty())
        .then(|| view! { <h3 class="grp">{format!("Events · {}", events.len())}</h3> });
    let events: Vec<_> = events
        .into_iter()
        .enumerate()
        .map(|(at, event)| view! { <Event event start at of_span=of_span.clone() /> })
        .collect();
    view! {
        {title}
        <div class="events">{events}</div>
        <Dropped count=dropped what="events" is_here />
    }
    .into_any()
}

#[component]
fn Event(event: SpanEvent, start: UnixNanos, at: usize, of_span: OfSpan) -> impl IntoView {
    let is_exception = event.name == semconv::EVENT_EXCEPTION;
    let offset = event.time.since(start);
    let sign = if offset < 0 { "" } else { "+" };
    let pairs: Vec<_> = event
        .attributes
        .iter()
        // The error box already shows the stack trace.
        .filter(|(key, _)| !(is_exception && *key == semconv::EXCEPTION_STACKTRACE))
        .map(|(key, value)| {
            let kept = of_span.event(at, key);
            view! { <Pair label=key.to_owned() key=key.to_owned() value=value.clone() kept /> }
        })
        .collect();
    view! {
        <section class="event" class:e=is_exception>
            <p>
                <b>{visible(&event.name)}</b>
                <span class="num">{format!("{sign}{}", format_duration(offset))}</span>
            </p>
            <dl class="kv">{pairs}</dl>
            <Dropped
                count=event.dropped_attributes_count
                what="attributes"
                is_here=of_span.has(Repair::AttributesDropped)
            />
        </section>
    }
    .into_any()
}
