//! The result area of `/traces`.

use leptos::prelude::*;
use throughline_model::{
    DroppedSpans, Page, ServiceList, Total, TraceFilter, TraceStatistics, TraceSummary,
};
use throughline_viz::format_count;
use throughline_wire::UnixNanos;

use super::no_match::NoMatch;
use crate::api::{ApiError, Dated};
use crate::components::{FilterChips, GettingStarted, Pager};
use crate::context::ServerInfo;
use crate::panels::{StatisticsPanel, TraceList};
use crate::state::{ListRequest, LiveList, PageLinks};
use crate::ui::visible;

/// One page of traces and the time at which it was read.
pub(super) type Listed = Dated<Page<TraceSummary>>;

/// Describes the order and the count. The count is never more exact than it is known.
pub(super) fn count_of(answer: Option<Result<Listed, ApiError>>) -> AnyView {
    let Some(Ok(Dated { value: page, .. })) = answer else {
        return ().into_any();
    };
    if page.items.is_empty() {
        return ().into_any();
    }
    let total = match page.total {
        Total::Exact(count) => format_count(count),
        Total::AtLeast(count) => format!("{}+", format_count(count)),
    };
    let shown = format_count(page.items.len() as u64);
    let text = format!("newest first · {shown} of {total}");
    view! {
        <p class="count" data-total=total>
            {text}
        </p>
    }
    .into_any()
}

/// The statistics. Empty if there are none to show.
#[component]
pub(super) fn Figures(
    statistics: TraceStatistics,
    filter: TraceFilter,
    now: UnixNanos,
) -> impl IntoView {
    view! {
        <FilterChips filter=filter.clone() />
        <DroppedNote dropped=statistics.dropped.clone() />
        {(statistics.trace_count > 0).then(|| view! { <StatisticsPanel statistics filter now /> })}
    }
    .into_any()
}

/// Reports the spans that senders dropped in the time range.
#[component]
fn DroppedNote(dropped: Vec<DroppedSpans>) -> impl IntoView {
    (!dropped.is_empty()).then(|| {
        let parts: Vec<_> = dropped
            .iter()
            .map(|dropped| {
                let reason = dropped.reason.replace('_', " ");
                let count = format_count(dropped.span_count);
                format!("{} dropped {count}: {reason}", dropped.service)
            })
            .collect();
        let parts = visible(&parts.join("; "));
        view! {
            <p class="card box w" role="status" data-dropped>
                <b>"Senders dropped spans in this time range: "</b>
                {parts}
                ". Traces of these services may lack spans."
            </p>
        }
    })
}

/// The list, or the reason why it is empty.
#[component]
pub(super) fn Results(
    list: Listed,
    request: ListRequest,
    services: Result<ServiceList, ApiError>,
    server: Option<ServerInfo>,
    live: LiveList,
) -> impl IntoView {
    let Dated { now, value: page } = list;
    let links = PageLinks::of(&page, request.page, |direction, place| {
        request.page_href(direction, place)
    });
    if !page.items.is_empty() {
        return view! {
            <TraceList traces=page.items read_at=now live=(live, request) />
            <Pager links />
        }
        .into_any();
    }
    // Services are known from the first span on, whatever the time range.
    match (services, server) {
        (Ok(services), Some(server)) if services.names.is_empty() => {
            view! { <GettingStarted server /> }.into_any()
        }
        _ => view! { <NoMatch filter=request.filter links /> }.into_any(),
    }
}
