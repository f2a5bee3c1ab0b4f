//! The page `/traces/{id}`: one trace.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_location, use_params_map};
use throughline_model::{Pin, ids};
use throughline_wire::TraceId;

use super::not_found::NotFound;
use crate::api::{ApiError, Dated, get_pin, get_trace_skeleton};
use crate::components::{FaultyParameters, IgnoredParameters, LiveNews};
use crate::panels::{OverviewStrip, SpanPane, TraceHead, Waterfall};
use crate::state::{
    Folds, LiveTrace, Outline, PinState, ReadTrace, RowInView, TraceRequest, last_list_address,
};
use crate::ui::{FailureNotice, Glyph, Icon, Loading, visible};

mod state;

use state::{Details, PageState, Read, Refresh};

/// The trace in the URL, or the reason why there is none.
#[component]
pub(crate) fn TracePage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    // Another trace is another page. No state of the last one may remain.
    move || match ids::parse_trace_id(&id.get()) {
        Ok(id) => view! { <OneTrace id /> }.into_any(),
        Err(error) => {
            let title = format!("Invalid trace ID: it {}", explain(error));
            let advice = "A trace ID has 32 hexadecimal characters.";
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
    let decoded = Memo::new(move |_| TraceRequest::parse(&search.get()));
    let rows_asked = Memo::new(move |_| decoded.with(|decoded| decoded.value.rows));
    let unknown = Signal::derive(move || decoded.with(|decoded| decoded.unknown.clone()));
    let skeleton = Resource::new(move || id, get_trace_skeleton);
    let shown = Memo::new(move |_| skeleton.with(|read| shown_of(read.as_ref())));
    let state = PageState {
        selection: Memo::new(move |_| decoded.with(|decoded| decoded.value.selection)),
        by_default: StoredValue::new(None),
        folds: Folds::new(),
        row_in_view: RowInView::new(),
        pin: PinState::new(id),
        live: LiveTrace::new(shown),
        list_address: last_list_address(),
    };
    let pin = Resource::new(move || id, get_pin);
    let details = Resource::new(
        move || state.selection.get(),
        move |_| async move {
            match skeleton.await {
                Ok(Dated {
                    value: Some(skeleton),
                    ..
                }) => state.read_details(&skeleton).await,
                _ => Ok(Details::default()),
            }
        },
    );
    let refresh = Refresh::new(id, skeleton, details);
    state.live.follow(id, move || refresh.read(state));
    let page = move || {
        let rows_asked = rows_asked.get();
        Suspend::new(async move {
            let (read, pin) = (skeleton.await, pin.await);
            match read.and_then(|read| Ok((read, pin?))) {
                Ok((
                    Dated {
                        value: Some(skeleton),
                        ..
                    },
                    was_pinned,
                )) => {
                    let outline = Outline::of(skeleton, rows_asked);
                    view! { <TraceView outline was_pinned state details refresh /> }.into_any()
                }
                Ok(_) => view! {
                    <NotFound
                        title=format!("No trace has the id {id}")
                        advice="It may not have arrived yet: senders retry failed batches for a while. Or its retention period has ended."
                        again=format!("/traces/{id}")
                    />
                }
                .into_any(),
                Err(error) => {
                    view! { <FailureNotice error href=format!("/traces/{id}") /> }.into_any()
                }
            }
        })
    };
    let faults = move || {
        let faults = decoded.with(|decoded| decoded.faults.clone());
        let is_faulty = !faults.as_slice().is_empty();
        is_faulty.then(|| {
            view! {
                <section class="card box e" role="alert">
                    <FaultyParameters faults />
                    <a href=format!("/traces/{id}")>"Show the trace without them"</a>
                </section>
            }
        })
    };
    view! {
        <IgnoredParameters unknown />
        {faults}
        <Transition fallback=|| view! { <Loading rows=8 /> }>{page}</Transition>
    }
    .into_any()
}

/// Returns the trace of a read, and the time of the read.
fn shown_of(read: Option<&Read>) -> Option<ReadTrace> {
    match read {
        Some(Ok(Dated {
            now,
            value: Some(skeleton),
        })) => Some((skeleton.summary.clone(), *now)),
        _ => None,
    }
}

/// The card of a trace: head, overview, waterfall, side pane.
#[component]
fn TraceView(
    outline: Outline,
    was_pinned: Option<Pin>,
    state: PageState,
    details: Resource<Result<Details, ApiError>>,
    refresh: Refresh,
) -> impl IntoView {
    let title = visible(&outline.skeleton.summary.root_name);
    let of_selected = outline.clone();
    // Reference-counted, like everything created here, because the old view still exists while the
    // page reads the trace again.
    let selected = ArcMemo::new(move |_| state.selected(&of_selected));
    let row_in_view = state.row_in_view;
    row_in_view.follow(outline.clone(), selected.clone(), state.folds);
    let is_open = {
        let selected = selected.clone();
        move || selected.get().is_some()
    };
    let of_pane = outline.clone();
    let is_pane_open = is_open.clone();
    let pane = move || {
        let outline = of_pane.clone();
        is_pane_open().then(|| view! { <Pane outline details /> })
    };
    let read = move || refresh.read(state);
    view! {
        <Title text=title />
        <div class="crumbs">
            <nav aria-label="Breadcrumb">
                <a href=move || state.list_address.get()>"Traces"</a>
                <span aria-hidden="true">"/"</span>
                <span class="mono">{outline.skeleton.summary.trace_id.to_string()}</span>
            </nav>
            <LiveNews live=state.live read />
        </div>
        <div class="card trace">
            <TraceHead outline=outline.clone() was_pinned pin=state.pin />
            <OverviewStrip outline=outline.clone() selected=selected.clone() />
            <div class="wf" class:open=is_open>
                <Waterfall outline selected folds=state.folds />
                {pane}
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn Pane(outline: Outline, details: Resource<Result<Details, ApiError>>) -> impl IntoView {
    let close = outline.href("none");
    let content = move || {
        let outline = outline.clone();
        Suspend::new(async move {
            match details.await {
                Ok(Details { spans, logs }) => view! { <SpanPane outline spans logs /> }.into_any(),
                Err(error) => view! { <p class="box e">{error.to_string()}</p> }.into_any(),
            }
        })
    };
    view! {
        <aside class="pane" aria-label="Span" tabindex="0">
            <a class="close" href=close data-close data-noscroll title="Close (Esc)" aria-label="Close">
                <Icon glyph=Glyph::Close />
            </a>
            <Transition fallback=|| view! { <Loading rows=8 /> }>{content}</Transition>
        </aside>
    }
    .into_any()
}
