//! The controls of the live list: on, off, pause, and the stream state.

use leptos::prelude::*;
use throughline_viz::format_count;

use crate::state::{LiveList, PageSignal, StreamState};

/// The switch, the stream state, and the number of held traces. Hidden without script.
#[component]
pub(crate) fn LiveSwitch(
    /// The list that it controls.
    live: LiveList,
) -> impl IntoView {
    let is_on = Memo::new(move |_| live.is_on());
    let pressed = move |is: bool| if is { "true" } else { "false" };
    let pause = move || {
        is_on.get().then(|| {
            view! {
                <button
                    type="button"
                    class="btn"
                    aria-pressed=move || pressed(live.is_paused.get())
                    on:click=move |_| live.pause_or_resume()
                >
                    "Pause"
                </button>
            }
        })
    };
    let waiting = move || {
        let count = live.held_count();
        (count > 0).then(|| {
            view! {
                <button type="button" class="btn primary" data-news on:click=move |_| live.release()>
                    {if count == 1 {
                        "1 new trace".to_owned()
                    } else {
                        format!("{} new traces", format_count(count as u64))
                    }}
                </button>
            }
        })
    };
    view! {
        <div class="live needs-js" role="group" aria-label="Live list">
            {waiting}
            <StreamIndicator stream_state=live.stream_state is_paused=live.is_paused />
            {pause}
            <button
                type="button"
                class="btn"
                aria-pressed=move || pressed(is_on.get())
                on:click=move |_| live.switch()
            >
                "Live"
            </button>
        </div>
    }
    .into_any()
}

/// The state of the event stream.
#[component]
pub(super) fn StreamIndicator(
    stream_state: PageSignal<StreamState>,
    /// True while news is held. `None` where it cannot be held.
    #[prop(optional)]
    is_paused: Option<PageSignal<bool>>,
) -> impl IntoView {
    let is_paused = move || is_paused.is_some_and(|is_paused| is_paused.get());
    view! {
        <span
            class="stream-state"
            role="status"
            data-live=move || word(stream_state.get(), is_paused())
        >
            {move || words(stream_state.get(), is_paused())}
        </span>
    }
    .into_any()
}

/// Returns the state as one word, for styles and tests.
const fn word(stream_state: StreamState, is_paused: bool) -> &'static str {
    match stream_state {
        StreamState::Off => "off",
        StreamState::Connecting => "reconnecting",
        StreamState::Lagging(_) => "lagging",
        StreamState::Live if is_paused => "paused",
        StreamState::Live => "live",
    }
}

/// Returns the state as text for people. Empty while the stream is off.
fn words(stream_state: StreamState, is_paused: bool) -> String {
    match stream_state {
        StreamState::Off => String::new(),
        StreamState::Connecting => "connecting …".to_owned(),
        StreamState::Lagging(missed) => {
            format!(
                "lagging: {} changes skipped, reading the list again",
                format_count(missed)
            )
        }
        StreamState::Live if is_paused => "paused".to_owned(),
        StreamState::Live => "live".to_owned(),
    }
}
