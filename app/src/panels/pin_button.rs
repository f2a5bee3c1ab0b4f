//! The button that pins or unpins a trace.

use leptos::prelude::*;
use throughline_model::Pin;

use crate::state::PinState;

/// A toggle button. Hidden without script.
#[component]
pub(crate) fn PinButton(
    /// The pin at the time the page was read.
    was: Option<Pin>,
    /// The state of the pin since then. Owned by the page.
    state: PinState,
) -> impl IntoView {
    let of_switch = was.clone();
    let switch = move |_| match untrack(|| state.now(of_switch.as_ref())) {
        Some(_) => state.unpin(),
        None => state.pin(String::new(), true),
    };
    let of_word = was.clone();
    let is_pinned = move || state.now(was.as_ref()).is_some();
    let word = move || match state.now(of_word.as_ref()) {
        Some(_) => "Pinned",
        None => "Pin",
    };
    let problem = move || {
        let problem = state.problem.get();
        problem.map(
            |problem| view! { <span class="pill e">{format!("Not changed: {problem}")}</span> },
        )
    };
    view! {
        <button
            type="button"
            class="btn pin needs-js"
            aria-pressed=move || is_pinned().to_string()
            aria-busy=move || state.is_busy.get().to_string()
            title="A pinned trace is kept forever: no retention rule removes it"
            on:click=switch
        >
            {word}
        </button>
        <span class="problem" role="status">
            {problem}
        </span>
    }
    .into_any()
}
