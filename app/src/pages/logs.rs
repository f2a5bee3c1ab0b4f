//! The page `/logs`: log records and domain events, with and without a trace.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_location;
use throughline_model::{EventFilter, EventPage};

use crate::api::{list_events, list_services};
use crate::components::{
    Continue, FaultyParameters, IgnoredParameters, LogFilter, LookupBox, Pager, describe_range,
    how_far,
};
use crate::context::set_status;
use crate::panels::LogList;
use crate::state::{LogRequest, log_filter_href};
use crate::ui::{FailureNotice, Loading, Notice};

/// The filter and the list of the matching records.
#[component]
pub(crate) fn LogsPage() -> impl IntoView {
    let search = use_location().search;
    let decoded = Memo::new(move |_| LogRequest::parse(&search.get()));
    let request = Memo::new(move |_| decoded.get().lenient());
    let unknown = Signal::derive(move || decoded.with(|decoded| decoded.unknown.clone()));
    // A request with invalid parameters reads nothing.
    let list = Resource::new(
        move || request.get(),
        |request| async move {
            match request {
                Ok(LogRequest { filter, page }) => Some(list_events(filter, page).await),
                Err(_) => None,
            }
        },
    );
    let services = Resource::new(|| (), |()| list_services());
    let results = move || {
        Suspend::new(async move {
            match (list.await, request.get_untracked()) {
                (Some(Ok(page)), Ok(request)) => view! { <Results page request /> }.into_any(),
                (Some(Err(error)), Ok(request)) => {
                    let href = log_filter_href(&request.filter);
                    view! { <FailureNotice error href /> }.into_any()
                }
                (_, Err(faults)) => {
                    set_status(400);
                    view! {
                        <Notice title="Invalid filter" is_failure=true>
                            <FaultyParameters faults />
                            <p class="ways">
                                <a class="btn primary" href="/logs">
                                    "Clear the filter"
                                </a>
                            </p>
                        </Notice>
                    }
                    .into_any()
                }
                (None, Ok(_)) => view! { <Loading rows=5 /> }.into_any(),
            }
        })
    };
    view! {
        <Title text="Logs" />
        <div class="top">
            <h1>"Logs"</h1>
            <p class="count">"newest first"</p>
            <LookupBox />
        </div>
        <LogFilter services />
        <IgnoredParameters unknown />
        <Transition fallback=|| view! { <Loading rows=5 /> }>{results}</Transition>
    }
    .into_any()
}

/// The list, or the reason why it is empty.
#[component]
fn Results(page: EventPage, request: LogRequest) -> impl IntoView {
    let mut links = request.links(&page);
    if !page.items.is_empty() {
        return view! {
            <LogList events=page.items />
            <Pager links />
        }
        .into_any();
    }
    let searched = links.searched.take();
    let range = request.filter.range;
    let text = match (&searched, range) {
        (Some(searched), _) => how_far(searched),
        (None, Some(range)) => {
            let range = describe_range(range);
            format!("No record in this time range ({range}) meets all conditions.")
        }
        (None, None) => "No stored record meets all conditions.".to_owned(),
    };
    let longer = (searched.is_none() && range.is_some()).then(|| {
        let filter = EventFilter {
            range: "7d".parse().ok(),
            ..request.filter.clone()
        };
        view! {
            <a class="btn primary" href=log_filter_href(&filter)>
                "Search the last 7 days"
            </a>
        }
    });
    let continued = searched.map(|searched| view! { <Continue searched /> });
    view! {
        <Notice title="No log record matches">
            <p>{text}</p>
            <p>"Log records come by OTLP (" <code>"/v1/logs"</code> " or gRPC) or in native batches."</p>
            <p class="ways">
                {continued} {longer} <a class="btn" href="/logs">
                    "Clear all"
                </a>
            </p>
        </Notice>
        <Pager links />
    }
    .into_any()
}
