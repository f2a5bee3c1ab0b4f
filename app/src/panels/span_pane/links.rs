//! The links of a span, and its sender.

use leptos::prelude::*;
use throughline_model::Utc;
use throughline_model::query::href;
use throughline_viz::format_duration;
use throughline_wire::{InstrumentationScope, Repair, Resource, SpanLink, UnixNanos};

use super::attributes::{AttributeGroups, Dropped};
use super::offloaded::OfSpan;
use super::value::Pair;
use crate::ui::visible;

/// Links to other traces. The page of a trace that is not stored reports that it is unknown.
#[component]
pub(super) fn Links(
    /// The links, as sent.
    links: Vec<SpanLink>,
    /// The number of links that the sender dropped.
    dropped: u32,
    /// The span.
    of_span: OfSpan,
) -> impl IntoView {
    let is_here = of_span.has(Repair::LinksDropped);
    let title = (!links.is_empty())
        .then(|| view! { <h3 class="grp">{format!("Links · {}", links.len())}</h3> });
    let links: Vec<_> = links
        .into_iter()
        .enumerate()
        .map(|(at, link)| {
            let path = format!("/traces/{}", link.trace_id);
            let href = href(&path, [("span", link.span_id.to_string())]);
            let pairs: Vec<_> = link
                .attributes
                .iter()
                .map(|(key, value)| {
                    let kept = of_span.link(at, key);
                    view! { <Pair label=key.to_owned() key=key.to_owned() value=value.clone() kept /> }
                })
                .collect();
            view! {
                <p>
                    <a class="mono id" href=href>
                        {link.trace_id.to_string()}
                    </a>
                </p>
                <dl class="kv">{pairs}</dl>
                <Dropped
                    count=link.dropped_attributes_count
                    what="attributes"
                    is_here=of_span.has(Repair::AttributesDropped)
                />
            }
        })
        .collect();
    view! {
        {title}
        {links}
        <Dropped count=dropped what="links" is_here />
    }
    .into_any()
}

/// The resource and the scope of the span. Folded, because they repeat from span to span.
#[component]
pub(super) fn Origin(
    /// The resource.
    resource: Resource,
    /// The scope.
    scope: InstrumentationScope,
    /// The time at which the server stored the span.
    received: UnixNanos,
    /// The start of the span.
    start: UnixNanos,
) -> impl IntoView {
    let library = match (scope.name.is_empty(), scope.version.is_empty()) {
        (true, _) => "(no name)".to_owned(),
        (false, true) => scope.name.into_owned(),
        (false, false) => format!("{} {}", scope.name, scope.version),
    };
    let service = resource.service_name().into_owned();
    let started = Utc::from(start).to_string();
    let stored = format!("{} after the start", format_duration(received.since(start)));
    view! {
        <details class="origin">
            <summary class="grp">"Sent by " {visible(&service)}</summary>
            <AttributeGroups
                attributes=resource.attributes
                dropped=resource.dropped_attributes_count
            />
            <h3 class="grp">"library"</h3>
            <dl class="kv">
                <Pair label="scope".to_owned() key="scope".to_owned() value=library.into() />
            </dl>
            <AttributeGroups attributes=scope.attributes dropped=scope.dropped_attributes_count />
            <h3 class="grp">"time"</h3>
            <dl class="kv">
                <Pair label="start".to_owned() key="start".to_owned() value=started.into() />
                <Pair label="stored".to_owned() key="received".to_owned() value=stored.into() />
            </dl>
        </details>
    }
    .into_any()
}
