//! The notice on a trace page that new spans have arrived.

use leptos::prelude::*;

use super::live_switch::StreamIndicator;
use crate::state::LiveTrace;

/// The stream state, and a button while there is news. Hidden without script.
#[component]
pub(crate) fn LiveNews(
    /// The live state of the trace.
    live: LiveTrace,
    /// Reads the trace again.
    read: impl Fn() + Copy + Send + 'static,
) -> impl IntoView {
    let news = move || {
        live.news().map(|news| {
            view! {
                <button
                    type="button"
                    class="btn primary"
                    data-news
                    title="Read the trace again. The open span stays open."
                    on:click=move |_| read()
                >
                    {news}
                </button>
            }
        })
    };
    view! {
        <div class="live needs-js" role="group" aria-label="Live trace">
            {news}
            <StreamIndicator stream_state=live.stream_state />
        </div>
    }
    .into_any()
}
