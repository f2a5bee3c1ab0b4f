//! The log records and domain events of the span.

use leptos::prelude::*;
use throughline_model::{EventPage, PayloadPlace, StoredEvent};
use throughline_viz::format_duration;
use throughline_wire::{LogRecord, UnixNanos};

use super::attributes::Dropped;
use super::offloaded::{Look, OffloadedPayload, Whole};
use super::value::Pair;
use super::value_text::text_of;
use crate::api::ApiError;
use crate::ui::visible;

/// One line per record, earliest first. Empty for a span without records.
#[component]
pub(super) fn Logs(
    /// The newest records, newest first.
    logs: Result<EventPage, ApiError>,
    /// The start of the span.
    start: UnixNanos,
) -> impl IntoView {
    let page = match logs {
        Ok(page) if page.items.is_empty() => return ().into_any(),
        Ok(page) => page,
        Err(error) => {
            let problem = format!("The logs of this span cannot be shown: {error}.");
            return view! { <p class="box w">{problem}</p> }.into_any();
        }
    };
    let count = page.items.len();
    let more = page.after.is_some().then(|| {
        view! { <p class="box w">{format!("There are more; the newest {count} are shown.")}</p> }
    });
    let lines: Vec<_> = page
        .items
        .into_iter()
        .rev()
        .map(|event| view! { <Line event start /> })
        .collect();
    view! {
        <section class="logs">
            <h3 class="grp">{format!("Logs · {count}")}</h3>
            {more}
            <div class="events">{lines}</div>
        </section>
    }
    .into_any()
}

#[component]
fn Line(event: StoredEvent, start: UnixNanos) -> impl IntoView {
    let record = &event.record;
    let offset = record.time.since(start);
    let sign = if offset < 0 { "" } else { "+" };
    let is_error = record.severity_number >= LogRecord::MIN_ERROR_SEVERITY;
    let title = [severity_of(record), record.event_name.clone().into_owned()]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" · ");
    view! {
        <section class="event" class:e=is_error>
            <p>
                <b>{visible(&title)}</b>
                <span class="num">{format!("{sign}{}", format_duration(offset))}</span>
            </p>
            <RecordContent event />
        </section>
    }
    .into_any()
}

/// The body and the attributes of a record.
#[component]
pub(in crate::panels) fn RecordContent(
    /// The record.
    event: StoredEvent,
) -> impl IntoView {
    let kept_body = OffloadedPayload::of_event(&event, &PayloadPlace::Body);
    let attributes = event.record.attributes.iter();
    let kept_values: Vec<_> = attributes
        .map(|(key, _)| {
            let key = key.to_owned();
            OffloadedPayload::of_event(&event, &PayloadPlace::Attribute { key })
        })
        .collect();
    let record = event.record;
    let body = text_of(&record.body);
    let body = match kept_body {
        Some(kept) => {
            let what = "message".to_owned();
            view! { <Whole kept preview=body what look=Look::Text /> }.into_any()
        }
        None => view! { <div class="message">{visible(&body)}</div> }.into_any(),
    };
    let pairs: Vec<_> = record
        .attributes
        .iter()
        .zip(kept_values)
        .map(|((key, value), kept)| {
            view! { <Pair label=key.to_owned() key=key.to_owned() value=value.clone() kept /> }
        })
        .collect();
    let folded = (!pairs.is_empty()).then(|| {
        view! {
            <details>
                <summary>{format!("Attributes · {}", pairs.len())}</summary>
                <dl class="kv">{pairs}</dl>
            </details>
        }
    });
    view! {
        {body}
        {folded}
        <Dropped count=record.dropped_attributes_count what="attributes" is_here=true />
    }
    .into_any()
}

/// Returns the severity in the words of OpenTelemetry, else in those of the sender.
pub(in crate::panels) fn severity_of(record: &LogRecord) -> String {
    match LogRecord::severity_word(record.severity_number) {
        "" => record.severity_text.clone().into_owned(),
        word => word.to_owned(),
    }
}
