//! Says on the page of a trace that more of it came, and shows it when asked.

use leptos::prelude::*;

use super::live_switch::StreamIndicator;
use crate::state::LiveTrace;

/// How well the page hears, and a button while there is something to show. Hidden where there is
/// no script.
#[component]
pub(crate) fn LiveNews(
    /// What is heard.
    live: LiveTrace,
    /// Reads the trace anew.
    read: impl Fn() + Copy + Send + 'static,
) -> impl IntoView {
    let news = move || {
        live.news().map(|news| {
            view! {
                <button
                    type="button"
                    class="btn primary"
                    data-news
                    title="Read the trace anew; the open span stays open"
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
