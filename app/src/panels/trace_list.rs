//! The list of traces.

mod marks;

use leptos::prelude::*;
use throughline_model::{TraceSummary, Utc};
use throughline_viz::{format_ago, format_count, format_duration};
use throughline_wire::UnixNanos;

use crate::state::{ListRequest, LiveList};
use crate::ui::{ServiceTag, visible};
use marks::{RowMarks, outcome_of};

/// The number of services that a row names. Further ones are counted.
const NAMED_SERVICES: usize = 5;

/// The list: one row per trace, each a link.
///
/// It reads signals of the page and creates none. While the response to another filter is awaited,
/// this list is still shown, but signals that it had created would be gone.
#[component]
pub(crate) fn TraceList(
    /// The traces that were read, in order.
    traces: Vec<TraceSummary>,
    /// The time of the read, for texts such as `12 s ago`.
    read_at: UnixNanos,
    /// The news of a live list, and the request that was read.
    #[prop(optional)]
    live: Option<(LiveList, ListRequest)>,
) -> impl IntoView {
    let news = live.as_ref().map(|(news, _)| *news);
    let now = move || news.map_or(read_at, |news| news.now(read_at));
    let rows = move || {
        let traces = match &live {
            Some((news, request)) => news.rows(request, &traces),
            None => traces.clone(),
        };
        let longest = traces.iter().map(|trace| trace.duration_ns).max();
        let longest_ns = longest.unwrap_or(1).max(1);
        let rows = traces.into_iter();
        rows.map(|trace| view! { <TraceRow trace longest_ns now /> })
            .collect_view()
    };
    view! {
        <ol class="card list" aria-label="Traces, newest first">
            // The rows are not keyed, because a keyed list cannot replace another one that was
            // hydrated.
            {rows}
        </ol>
    }
    .into_any()
}

#[component]
fn TraceRow(
    trace: TraceSummary,
    longest_ns: i64,
    now: impl Fn() -> UnixNanos + Copy + Send + 'static,
) -> impl IntoView {
    let failed = trace.error_count > 0;
    let href = format!("/traces/{}", trace.trace_id);
    // Scaled by the square root: next to a trace of minutes, traces of milliseconds still differ.
    let of_longest = trace.duration_ns.max(0) as f64 / longest_ns as f64;
    let share = format!("--w:{:.1}%", of_longest.sqrt() * 100.0);
    // The duration of a trace that has begun and not ended is unknown.
    let duration = if trace.open.is_some() && trace.span_count == 0 {
        "…".to_owned()
    } else {
        format_duration(trace.duration_ns)
    };
    let outcome = outcome_of(&trace);
    let marks = view! { <RowMarks trace=trace.clone() /> };
    let said = trace.error.map(|said| visible(said.trim()));
    let spans = if trace.span_count == 1 {
        "span"
    } else {
        "spans"
    };
    let errors = if trace.error_count == 1 {
        "error"
    } else {
        "errors"
    };
    let name = if trace.root_name.is_empty() {
        "(no name)".to_owned()
    } else {
        visible(&trace.root_name)
    };
    // The row already shows the root.
    let matched = trace.matched_span.map(|span| visible(&span.name));
    let matched = matched.filter(|matched| *matched != name);
    let user = visible(&trace.user.unwrap_or_default());
    let name_of_user = user.clone();
    let more = trace.services.len().saturating_sub(NAMED_SERVICES);
    let or_more = if trace.has_more_services {
        " or more"
    } else {
        ""
    };
    // The service of the root span comes first.
    let mut services = trace.services;
    services.sort_by_key(|name| *name != trace.root_service);
    let services: Vec<_> = services
        .into_iter()
        .take(NAMED_SERVICES)
        .map(|name| view! { <ServiceTag name /> })
        .collect();
    view! {
        <li class="t" class:failed=failed class:running=outcome == "running" class:unended=outcome == "not ended" data-row data-page data-error=failed>
            <span class="dot" role="img" aria-label=outcome></span>
            <div class="op">
                // The link covers the row, so its tooltip is the row's tooltip.
                <a href=href title=said.clone() data-open>
                    {name}
                </a>
                {marks}
                <div class="sub">{services} {(more > 0).then(|| format!("+{more}{or_more}"))}</div>
                {said.map(|said| view! { <p class="said">{said}</p> })}
                {matched.map(|name| view! { <p class="sub">"Matched span: " {name}</p> })}
            </div>
            <div class="dur">
                <span class="bar">
                    <i style=share></i>
                </span>
                <span class="num">{duration}</span>
            </div>
            <span class="num spans">{format_count(trace.span_count)} " " {spans}</span>
            <span class="num errors">
                {if failed {
                    view! { {format_count(trace.error_count)} <span class="word">" " {errors}</span> }
                        .into_any()
                } else {
                    view! { <span aria-label="no errors">"·"</span> }.into_any()
                }}
            </span>
            <span class="user" title=name_of_user>
                {user}
            </span>
            <time class="num start" title=Utc::from(trace.start).to_string()>
                {move || format_ago(trace.start, now())}
            </time>
        </li>
    }
    .into_any()
}
