//! The page `/traces`: search for traces.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_location;
use throughline_model::Faults;

use crate::api::{
    ApiError, Dated, describe_server, get_trace_statistics, list_services, list_traces,
};
use crate::components::{FaultyParameters, FilterBar, IgnoredParameters, LiveSwitch, LookupBox};
use crate::context::set_status;
use crate::state::{ListRequest, LiveList, filter_href, keep_list_address};
use crate::ui::{FailureNotice, Loading, Notice};

mod newcomer;
mod no_match;
mod results;

use newcomer::watch_for_first_trace;
use results::{Figures, Results};

/// The filter, the statistics of the matching traces, and their list.
#[component]
pub(crate) fn TracesPage() -> impl IntoView {
    let search = use_location().search;
    keep_list_address(search);
    let decoded = Memo::new(move |_| ListRequest::parse(&search.get()));
    let request = Memo::new(move |_| decoded.get().lenient());
    let unknown = Signal::derive(move || decoded.with(|decoded| decoded.unknown.clone()));
    let filter = Memo::new(move |_| request.get().map(|request| request.filter));
    // A request with invalid parameters reads nothing.
    let list = Resource::new(
        move || request.get(),
        |request| async move {
            match request {
                Ok(ListRequest { filter, page }) => Some(list_traces(filter, page).await),
                Err(_) => None,
            }
        },
    );
    let statistics = Resource::new(
        move || filter.get(),
        |filter| async move {
            match filter {
                Ok(filter) => Some(get_trace_statistics(filter).await),
                Err(_) => None,
            }
        },
    );
    // Filters change more often than services appear. The list is read again at the next page load.
    let services = Resource::new(|| (), |()| list_services());
    let server = Resource::new(|| (), |()| describe_server());
    watch_for_first_trace(request, list, services, move || {
        list.refetch();
        statistics.refetch();
        services.refetch();
    });

    let live = LiveList::new(request);
    let is_empty = move || {
        let is_empty = list.try_with_untracked(
            |list| matches!(list, Some(Some(Ok(list))) if list.value.items.is_empty()),
        );
        is_empty == Some(true)
    };
    live.follow(is_empty, move || {
        list.refetch();
        statistics.refetch();
    });
    // News is shown only on top of the newest page.
    let is_newest = move || {
        request.with(|request| matches!(request, Ok(request) if request.page.from.is_none()))
    };

    let figures = move || {
        Suspend::new(async move {
            let answer = statistics.await;
            let filter = filter.get_untracked();
            match (answer, filter) {
                (Some(Ok(Dated { now, value })), Ok(filter)) => {
                    view! { <Figures statistics=value filter now /> }.into_any()
                }
                (Some(Err(ApiError::Read(throughline_model::ReadError::TimedOut))), _) => view! {
                    <p class="card box w">
                        "The statistics took too long; choose a shorter time range."
                    </p>
                }
                .into_any(),
                // The list reports the error. One report is enough.
                _ => ().into_any(),
            }
        })
    };
    let results = move || {
        Suspend::new(async move {
            let (answer, services, server) = (list.await, services.await, server.await);
            match (answer, request.get_untracked()) {
                (Some(Ok(list)), Ok(request)) => {
                    view! { <Results list request services server=server.ok() live /> }.into_any()
                }
                (Some(Err(error)), Ok(request)) => {
                    let href = filter_href(&request.filter);
                    view! { <FailureNotice error href /> }.into_any()
                }
                (_, Err(faults)) => view! { <WrongFilter faults /> }.into_any(),
                (None, Ok(_)) => view! { <Loading rows=5 /> }.into_any(),
            }
        })
    };
    view! {
        <Title text="Traces" />
        <div class="top">
            <h1>"Traces"</h1>
            <Transition fallback=|| ()>
                {move || Suspend::new(async move { results::count_of(list.await) })}
            </Transition>
            <LookupBox />
            <Show when=is_newest>
                <LiveSwitch live />
            </Show>
        </div>
        <FilterBar services />
        <IgnoredParameters unknown />
        <Transition fallback=|| view! { <Loading rows=5 /> }>{figures}</Transition>
        <Transition fallback=|| view! { <Loading rows=5 /> }>{results}</Transition>
    }
    .into_any()
}

/// Reports which URL parameters are invalid. The form above keeps the typed values.
#[component]
fn WrongFilter(faults: Faults) -> impl IntoView {
    set_status(400);
    view! {
        <Notice title="Invalid filter" is_failure=true>
            <FaultyParameters faults />
            <p class="ways">
                <a class="btn primary" href="/traces">
                    "Clear the filter"
                </a>
            </p>
        </Notice>
    }
    .into_any()
}
