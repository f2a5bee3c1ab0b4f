//! `/traces/{id}`: what happened?

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_location, use_params_map};
use throughline_model::{EventPage, SpanDetails, TraceTree};
use throughline_wire::TraceId;

use super::not_found::NotFound;
use crate::api::{ApiError, get_span_details, get_trace_skeleton, list_span_events};
use crate::panels::{OverviewStrip, SpanPane, TraceHead, Waterfall};
use crate::state::{Outline, PinState, Selection};
use crate::ui::{FailureNotice, Glyph, Icon};

/// The spans of the selected id, and what was logged in them.
type Details = (Vec<SpanDetails>, Result<EventPage, ApiError>);

/// The trace the address names, or why there is none.
#[component]
pub(crate) fn TracePage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    // Another trace is another page: nothing of the last one may linger.
    move || match id.get().parse::<TraceId>() {
        Ok(id) => view! { <OneTrace id /> }.into_any(),
        Err(error) => {
            let title = format!("This is no trace id: it {}", explain(error));
            let advice = "A trace id has 32 hexadecimal characters.";
            view! { <NotFound title advice /> }.into_any()
        }
    }
}

fn explain(error: throughline_wire::IdError) -> String {
    use throughline_wire::IdError;
    match error {
        IdError::Length(expected) => format!("does not have {expected} characters"),
        IdError::NotHex | IdError::Zero => error.to_string(),
    }
}

#[component]
fn OneTrace(id: TraceId) -> impl IntoView {
    let search = use_location().search;
    let selection = Memo::new(move |_| Selection::parse(&search.get()));
    let rows_asked = Memo::new(move |_| Outline::rows_asked(&search.get()));
    let pin = PinState::new();
    let skeleton = Resource::new(move || id, get_trace_skeleton);
    let details = Resource::new(
        move || selection.get(),
        move |selection| async move {
            let Ok(Some(skeleton)) = skeleton.await else {
                return Ok((Vec::new(), Ok(EventPage::default())));
            };
            match selection.resolve(&skeleton, &TraceTree::of(&skeleton)) {
                Some(span_id) => {
                    let spans = get_span_details(id, span_id).await?;
                    Ok((spans, list_span_events(id, span_id).await))
                }
                None => Ok((Vec::new(), Ok(EventPage::default()))),
            }
        },
    );
    let page = move || {
        let rows_asked = rows_asked.get();
        Suspend::new(async move {
            match skeleton.await {
                Ok(Some(skeleton)) => {
                    let outline = Outline::of(skeleton, rows_asked);
                    view! { <TraceView outline selection details pin /> }.into_any()
                }
                Ok(None) => view! {
                    <NotFound
                        title=format!("No trace has the id {id}")
                        advice="It may not have arrived yet, or its retention has ended."
                    />
                }
                .into_any(),
                Err(error) => {
                    view! { <FailureNotice error href=format!("/traces/{id}") /> }.into_any()
                }
            }
        })
    };
    view! { <Transition fallback=|| view! { <Loading /> }>{page}</Transition> }.into_any()
}

/// The card of a trace: head, overview, waterfall, side pane.
#[component]
fn TraceView(
    outline: Outline,
    selection: Memo<Selection>,
    details: Resource<Result<Details, ApiError>>,
    pin: PinState,
) -> impl IntoView {
    let title = outline.skeleton.summary.root_name.clone();
    let of_selected = outline.clone();
    let selected = Memo::new(move |_| {
        selection
            .get()
            .resolve(&of_selected.skeleton, &of_selected.tree)
    });
    let is_open = move || selected.get().is_some() || selection.get() == Selection::Wrong;
    let of_pane = outline.clone();
    let pane = move || {
        let outline = of_pane.clone();
        is_open().then(|| view! { <Pane outline details selection /> })
    };
    view! {
        <Title text=title />
        <nav class="crumbs" aria-label="Where this is">
            <a href="/traces">"Traces"</a>
            <span aria-hidden="true">"/"</span>
            <span class="mono">{outline.skeleton.summary.trace_id.to_string()}</span>
        </nav>
        <div class="card trace">
            <TraceHead outline=outline.clone() pin />
            <OverviewStrip outline=outline.clone() />
            <div class="wf" class:open=is_open>
                <Waterfall outline selected />
                {pane}
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn Pane(
    outline: Outline,
    details: Resource<Result<Details, ApiError>>,
    selection: Memo<Selection>,
) -> impl IntoView {
    let close = outline.href("none");
    let content = move || {
        let outline = outline.clone();
        Suspend::new(async move {
            match details.await {
                Ok(_) if selection.get_untracked() == Selection::Wrong => {
                    view! { <NoSpanId outline /> }.into_any()
                }
                Ok((spans, logs)) => view! { <SpanPane outline spans logs /> }.into_any(),
                Err(error) => view! { <p class="box e">{error.to_string()}</p> }.into_any(),
            }
        })
    };
    view! {
        <aside class="pane" aria-label="Span" tabindex="0">
            <a class="close" href=close data-close data-noscroll title="Close (Esc)" aria-label="Close">
                <Icon glyph=Glyph::Close />
            </a>
            <Transition fallback=|| view! { <Loading /> }>{content}</Transition>
        </aside>
    }
    .into_any()
}

/// Says that the address names no span.
#[component]
fn NoSpanId(outline: Outline) -> impl IntoView {
    view! {
        <p class="box w">
            "The address names a span by something that is no span id: that has 16 hexadecimal characters. "
            <a href=outline.href("")>"Show another"</a>
        </p>
    }
    .into_any()
}

#[component]
fn Loading() -> impl IntoView {
    view! {
        <div class="card loading" role="status" aria-label="Loading">
            {[(); 8].map(|()| view! { <i></i> })}
        </div>
    }
    .into_any()
}
