//! The result of a lookup, or the explanation why there is none.

use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::components::Redirect;
use throughline_model::query::href;
use throughline_model::{LookedFor, Lookup, Total, TraceSummary};
use throughline_viz::format_count;
use throughline_wire::SpanId;

use crate::api::Dated;
use crate::components::{Continue, Pager, how_far};
use crate::panels::TraceList;
use crate::state::{LookupRequest, PageLinks};
use crate::ui::{Notice, visible};

/// A link to the only match, the list of several, or the reason why there is none.
#[component]
pub(super) fn Found(
    /// The result.
    answer: Dated<Lookup>,
    /// The request.
    request: LookupRequest,
) -> impl IntoView {
    let Dated { now, value: lookup } = answer;
    let links = PageLinks::of(&lookup.traces, request.page, |direction, place| {
        request.page_href(direction, place)
    });
    let traces = &lookup.traces.items;
    match traces.as_slice() {
        [] => view! { <Nothing request lookup links /> }.into_any(),
        [trace] if request.page.from.is_none() && lookup.traces.after.is_none() => {
            view! { <Only href=href_of(trace, lookup.span) /> }.into_any()
        }
        _ => {
            let title = title_of(&lookup, &visible(request.reference.text()));
            view! {
                <p class="count found">{title}</p>
                <TraceList traces=lookup.traces.items read_at=now />
                <Pager links />
            }
            .into_any()
        }
    }
}

/// Redirects to the trace and replaces the history entry, so that "back" does not redirect again.
#[component]
fn Only(href: String) -> impl IntoView {
    let options = NavigateOptions {
        replace: true,
        ..NavigateOptions::default()
    };
    view! {
        <Redirect path=href.clone() options />
        <Notice title="Found">
            <p class="ways">
                <a class="btn primary" href=href>
                    "Open the trace"
                </a>
            </p>
        </Notice>
    }
    .into_any()
}

fn href_of(trace: &TraceSummary, span: Option<SpanId>) -> String {
    let span = span.map(|span| ("span", span.to_string()));
    href(&format!("/traces/{}", trace.trace_id), span)
}

fn title_of(lookup: &Lookup, text: &str) -> String {
    let count = match lookup.traces.total {
        Total::Exact(count) => format_count(count),
        Total::AtLeast(count) => format!("{}+", format_count(count)),
    };
    let shown = format_count(lookup.traces.items.len() as u64);
    let what = match lookup.found {
        Some(LookedFor::SpanId) => "have a span with the id",
        Some(LookedFor::TraceId) => "have the id",
        _ => "carry the id",
    };
    let names = match lookup.names.as_slice() {
        [] => String::new(),
        names => format!(" as {}", names.join(" and ")),
    };
    format!("{count} traces {what} {text}{names} · newest first, {shown} shown")
}

/// Explains where the reference was searched.
#[component]
fn Nothing(request: LookupRequest, lookup: Lookup, links: PageLinks) -> impl IntoView {
    let mut links = links;
    let searched = links.searched.take();
    let title = match &searched {
        Some(_) => "Nothing has this id so far",
        None => "Nothing has this id",
    };
    let places: Vec<_> = lookup
        .looked_for
        .iter()
        .map(|place| match place {
            LookedFor::TraceId => {
                "as the id of a trace: there is none, or it is no longer stored".to_owned()
            }
            LookedFor::SpanId => "as the id of a span".to_owned(),
            LookedFor::Attribute => {
                let what = "as the value of any attribute and as the correlation id of an event";
                match &searched {
                    Some(searched) => format!("{what}. {}", how_far(searched)),
                    None => format!("{what}, in every trace"),
                }
            }
        })
        .map(|place| view! { <li>{place}</li> })
        .collect();
    let goes_on = searched.map(|searched| view! { <Continue searched /> });
    view! {
        <Notice title>
            <p>
                "Searched for " <code class="mono">{visible(request.reference.text())}</code>
            </p>
            <ul class="places">{places}</ul>
            <p>
                "A value matches only as a whole, not in part."
            </p>
            <p class="ways">
                {goes_on} <a class="btn" href="/traces">
                    "All traces"
                </a>
            </p>
        </Notice>
        <Pager links />
    }
    .into_any()
}
