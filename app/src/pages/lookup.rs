//! The page `/lookup`: finds traces by a reference.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_location;

use crate::api::look_up;
use crate::components::{FaultyParameters, IgnoredParameters, LookupBox};
use crate::context::set_status;
use crate::state::{LookupRequest, lookup_href};
use crate::ui::{FailureNotice, Notice};

mod found;

use found::Found;

/// The lookup form and its result. If exactly one trace matches, the page redirects to it.
#[component]
pub(crate) fn LookupPage() -> impl IntoView {
    let search = use_location().search;
    let decoded = Memo::new(move |_| LookupRequest::parse(&search.get()));
    let request = Memo::new(move |_| decoded.get().lenient());
    let unknown = Signal::derive(move || decoded.with(|decoded| decoded.unknown.clone()));
    let answer = Resource::new(
        move || request.get(),
        |request| async move {
            match request {
                Ok(Some(LookupRequest { reference, page })) => {
                    Some(look_up(reference.text().to_owned(), page).await)
                }
                _ => None,
            }
        },
    );
    let results = move || {
        Suspend::new(async move {
            match (answer.await, request.get_untracked()) {
                (Some(Ok(answer)), Ok(Some(request))) => {
                    view! { <Found answer request /> }.into_any()
                }
                (Some(Err(error)), Ok(Some(request))) => {
                    let href = lookup_href(request.reference.text());
                    view! { <FailureNotice error href /> }.into_any()
                }
                (_, Err(faults)) => {
                    set_status(400);
                    view! {
                        <Notice title="This cannot be looked up" is_failure=true>
                            <FaultyParameters faults />
                            <p class="ways">
                                <a class="btn primary" href="/lookup">
                                    "Look up another id"
                                </a>
                            </p>
                        </Notice>
                    }
                    .into_any()
                }
                (_, Ok(_)) => view! { <WhatCanBeLookedUp /> }.into_any(),
            }
        })
    };
    view! {
        <Title text="Look up" />
        <div class="top">
            <h1>"Look up"</h1>
            <LookupBox />
        </div>
        <IgnoredParameters unknown />
        <Transition fallback=|| ()>{results}</Transition>
    }
    .into_any()
}

#[component]
fn WhatCanBeLookedUp() -> impl IntoView {
    view! {
        <Notice title="Paste any id">
            <p>
                "A trace id, a span id or a whole traceparent header; a session id; a request, correlation, order, message or job id, or the value of any other attribute."
            </p>
            <p class="ways">
                <a class="btn" href="/traces">
                    "All traces"
                </a>
            </p>
        </Notice>
    }
    .into_any()
}
