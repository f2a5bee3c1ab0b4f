//! Keeps a trace for ever, or leaves it to the rules again.

use leptos::prelude::*;
use leptos::task::spawn_local;
use throughline_wire::TraceId;

use crate::api::set_pinned;
use crate::state::PinState;

/// A switch; there is none without script.
#[component]
pub(crate) fn PinButton(
    /// The trace.
    trace_id: TraceId,
    /// Whether it was pinned when the page was read.
    was_pinned: bool,
    /// What has become of that since; owned by the page.
    state: PinState,
) -> impl IntoView {
    let is_pinned = move || state.changed.get().unwrap_or(was_pinned);
    let switch = move |_| {
        if state.is_busy.get_untracked() {
            return;
        }
        let wanted = !state.changed.get_untracked().unwrap_or(was_pinned);
        state.is_busy.set(true);
        spawn_local(async move {
            let answer = set_pinned(trace_id, wanted).await;
            // The page may have been left meanwhile.
            let _ = state.is_busy.try_set(false);
            let _ = state
                .problem
                .try_set(answer.as_ref().err().map(ToString::to_string));
            if answer.is_ok() {
                let _ = state.changed.try_set(Some(wanted));
            }
        });
    };
    let problem = move || {
        let problem = state.problem.get();
        problem.map(
            |problem| view! { <span class="pill e">{format!("Not changed: {problem}")}</span> },
        )
    };
    view! {
        <span role="status">{problem}</span>
        <button
            type="button"
            class="btn pin needs-js"
            aria-pressed=move || is_pinned().to_string()
            aria-busy=move || state.is_busy.get().to_string()
            title="A pinned trace is kept for ever: no retention rule removes it"
            on:click=switch
        >
            {move || if is_pinned() { "Pinned" } else { "Pin" }}
        </button>
    }
    .into_any()
}
