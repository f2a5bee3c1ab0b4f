//! The note of a pin and its age.

use leptos::ev;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use throughline_model::{Pin, Utc};

use crate::state::PinState;
use crate::ui::visible;

/// The name of the note field.
const NOTE: &str = "note";

/// A line below the facts of a pinned trace. Empty for other traces.
#[component]
pub(crate) fn PinNote(
    /// The pin at the time the page was read.
    was: Option<Pin>,
    /// The state of the pin since then. Owned by the page.
    state: PinState,
) -> impl IntoView {
    let line = move || {
        let pin = state.now(was.as_ref())?;
        Some(if state.is_writing.get() {
            view! { <Form note=pin.note state /> }.into_any()
        } else {
            view! { <Line pin state /> }.into_any()
        })
    };
    view! { <div class="pin-note" data-pin-note>{line}</div> }.into_any()
}

#[component]
fn Line(pin: Pin, state: PinState) -> impl IntoView {
    let since = Utc::from(pin.pinned_at);
    let way = if pin.note.is_empty() {
        "Add note"
    } else {
        "Change"
    };
    let note = (!pin.note.is_empty()).then(|| view! { <q>{visible(&pin.note)}</q> });
    view! {
        <span class="since" title=since.to_string()>
            {format!("Pinned on {}", since.date())}
        </span>
        {note}
        <button type="button" class="copy" on:click=move |_| state.is_writing.set(true)>
            {way}
        </button>
    }
    .into_any()
}

#[component]
fn Form(note: String, state: PinState) -> impl IntoView {
    let field = NodeRef::<leptos::html::Input>::new();
    // The field appears only after a click, so it takes the focus.
    request_animation_frame(move || {
        let _ = field
            .try_get_untracked()
            .flatten()
            .map(|field| field.focus());
    });
    let keep = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let form = event.target().and_then(|at| at.dyn_into().ok());
        let data = form.and_then(|form| web_sys::FormData::new_with_form(&form).ok());
        let note = data.and_then(|data| data.get(NOTE).as_string());
        state.pin(note.unwrap_or_default(), false);
    };
    let leave = move |event: ev::KeyboardEvent| {
        if event.key() == "Escape" {
            event.stop_propagation();
            state.is_writing.set(false);
        }
    };
    view! {
        <form on:submit=keep on:keydown=leave>
            <input
                node_ref=field
                type="text"
                name=NOTE
                value=note
                maxlength=Pin::MAX_NOTE_CHARS.to_string()
                placeholder="Reason"
                aria-label="Why this trace is pinned"
                autocomplete="off"
            />
            <button type="submit" class="btn primary">
                "Save note"
            </button>
            <button type="button" class="btn" on:click=move |_| state.is_writing.set(false)>
                "Cancel"
            </button>
        </form>
    }
    .into_any()
}
