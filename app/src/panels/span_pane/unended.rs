//! A span that has begun and not ended: what became of it.

use leptos::prelude::*;
use throughline_model::{OpenFate, OpenSpan};
use throughline_viz::format_duration;

/// How long it has been running, or was known to.
#[component]
pub(super) fn Unended(
    /// The span.
    open: OpenSpan,
) -> impl IntoView {
    let known = format_duration(open.seen.since(open.start));
    let service = open.service;
    let text = match open.fate {
        OpenFate::Running => {
            format!("It runs, for {known} so far. What it has at its end is not known yet.")
        }
        OpenFate::ProcessEnded => format!(
            "{service} said goodbye while it ran, {known} after its start. It will not end."
        ),
        OpenFate::ProcessDied => format!(
            "{service} was last heard {known} after its start, and has been silent since. It \
             probably died; this is all it told."
        ),
    };
    view! {
        <p class="box w" data-unended>
            {text}
        </p>
    }
    .into_any()
}
