//! The list of log records and domain events.

use leptos::prelude::*;
use throughline_model::{StoredEvent, Utc};
use throughline_wire::LogRecord;

use super::span_pane::{RecordContent, severity_of};
use crate::ui::{ServiceTag, visible};

/// One row for each record: time, severity, service, name, content, and a link to its trace.
#[component]
pub(crate) fn LogList(
    /// The records, in order.
    events: Vec<StoredEvent>,
) -> impl IntoView {
    let rows: Vec<_> = events
        .into_iter()
        .map(|event| view! { <LogRow event /> })
        .collect();
    view! {
        <ol class="card log-list" aria-label="Log records, newest first">
            {rows}
        </ol>
    }
    .into_any()
}

#[component]
fn LogRow(event: StoredEvent) -> impl IntoView {
    let record = &event.record;
    let time = Utc::from(record.time);
    let severity = severity_of(record);
    let is_error = record.severity_number >= LogRecord::MIN_ERROR_SEVERITY;
    let name = visible(&record.event_name);
    let trace = record.trace_id.map(|trace_id| {
        let span = record.span_id.map(|span| format!("?span={span}"));
        let href = format!("/traces/{trace_id}{}", span.unwrap_or_default());
        view! {
            <a class="id" href=href data-open>
                "Trace"
            </a>
        }
    });
    let service = event.service.clone();
    view! {
        <li class:e=is_error data-row data-error=is_error>
            <div class="facts">
                <time class="num" title=record.time.get()>
                    {time.date()}
                    " "
                    {time.time_of_day()}
                </time>
                <b class="severity">{visible(&severity)}</b>
                <ServiceTag name=service />
                {(!name.is_empty()).then(|| view! { <b>{name}</b> })}
                {trace}
            </div>
            <RecordContent event />
        </li>
    }
    .into_any()
}
