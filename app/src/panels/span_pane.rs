//! The side pane with all details of a span.

use leptos::prelude::*;
use throughline_model::{EventPage, SpanDetails, SpansOfId};
use throughline_viz::{format_count, format_duration};
use throughline_wire::{StatusCode, semconv};

use crate::api::ApiError;
use crate::state::Outline;
use crate::ui::{CopyButton, ServiceTag, Statement, visible};

mod attributes;
mod events;
mod failure;
mod links;
mod logs;
mod offloaded;
mod repairs;
mod unended;
mod value;
mod value_text;

use attributes::AttributeGroups;
use events::Events;
use failure::Failure;
use links::Links;
use logs::Logs;
pub(super) use logs::{RecordContent, severity_of};
use offloaded::{Look, OfSpan, Whole};
use repairs::Repairs;
use unended::Unended;

/// The keys whose value is a SQL statement, newest convention first.
const STATEMENT_KEYS: [&str; 2] = [semconv::DB_QUERY_TEXT, "db.statement"];

/// The side pane. If a sender used a span id several times, it shows the first spans.
#[component]
pub(crate) fn SpanPane(
    /// The trace.
    outline: Outline,
    /// The spans with the selected id.
    spans: SpansOfId,
    /// The log records of that id, or the error if they cannot be read.
    logs: Result<EventPage, ApiError>,
) -> impl IntoView {
    let SpansOfId { spans, more } = spans;
    if spans.is_empty() {
        return view! {
            <p class="muted">
                "There is no such span in this trace, or it has not arrived. "
                <a href=outline.href("")>"Show another"</a>
            </p>
        }
        .into_any();
    }
    let count = spans.len() as u64 + more;
    let twice = (count > 1).then(|| {
        let shown = if more == 0 {
            "all of them are shown".to_owned()
        } else {
            format!("the first {} are shown", spans.len())
        };
        let count = format_count(count);
        view! { <p class="box w">{format!("{count} spans were sent with this id; {shown}.")}</p> }
    });
    let start = spans[0].span.start;
    let spans: Vec<_> = spans
        .into_iter()
        .map(|details| view! { <OneSpan outline=outline.clone() details /> })
        .collect();
    view! {
        {twice}
        {spans}
        <Logs logs start />
    }
    .into_any()
}

#[component]
fn OneSpan(outline: Outline, details: SpanDetails) -> impl IntoView {
    let json = serde_json::to_string_pretty(&details).unwrap_or_default();
    let of_span = OfSpan::of(&details);
    let SpanDetails {
        span,
        resource,
        scope,
        received,
        ..
    } = details;
    let service = resource.service_name().into_owned();
    let skeleton = &outline.skeleton;
    let self_time = skeleton
        .spans
        .iter()
        .position(|known| known.span_id == span.span_id && known.start == span.start)
        .and_then(|at| skeleton.self_time_ns(at))
        .map(|ns| format!(" · self {}", format_duration(ns)));
    let statement = STATEMENT_KEYS
        .iter()
        .find_map(|key| Some((span.attributes.get_str(key)?, of_span.attribute(key))));
    let statement = statement.map(|(text, kept)| match kept {
        Some(kept) => {
            let (preview, what) = (text.to_owned(), "statement".to_owned());
            view! {
                <h3 class="grp">"Statement"</h3>
                <Whole kept preview what look=Look::Statement />
            }
            .into_any()
        }
        None => view! {
            <h3 class="grp">"Statement" <CopyButton text=text what="statement" /></h3>
            <Statement text=text.to_owned() />
        }
        .into_any(),
    });
    let failure = (span.status.code == StatusCode::Error)
        .then(|| view! { <Failure span=span.clone() of_span=of_span.clone() /> });
    let open = (skeleton.open_span(span.span_id))
        .filter(|open| open.start == span.start)
        .map(|open| view! { <Unended open=open.clone() /> });
    let lasted = if open.is_some() {
        "has not ended".to_owned()
    } else {
        format_duration(span.duration_ns())
    };
    let self_time = self_time.filter(|_| open.is_none());
    let name = if span.name.is_empty() {
        "(no name)".to_owned()
    } else {
        visible(&span.name)
    };
    let id = span.span_id.to_string();
    let start = span.start;
    view! {
        <article class="span">
            <h2 title=name.clone()>{name.clone()}</h2>
            <p class="sub">
                <ServiceTag name=service />
                {format!(" · {} · {lasted}", span.kind.as_str())}
                {self_time}
            </p>
            {open}
            {failure}
            <Repairs attributes=span.attributes.clone() />
            {statement}
            <AttributeGroups
                attributes=span.attributes
                dropped=span.dropped_attributes_count
                hidden=[semconv::REPAIRS, semconv::CUT_BYTES].into_iter().chain(STATEMENT_KEYS).collect()
                of_span=of_span.clone()
            />
            <Events events=span.events dropped=span.dropped_events_count start of_span=of_span.clone() />
            <Links links=span.links dropped=span.dropped_links_count of_span />
            <links::Origin resource scope received start />
            <p class="foot">
                <code class="mono">{format!("span {id}")}</code>
                <CopyButton text=id what="span id" label="id" />
                <CopyButton text=json what="span as JSON" label="JSON" />
            </p>
        </article>
    }
    .into_any()
}
