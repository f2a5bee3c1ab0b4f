//! The notice of a span without an end.

use crate::ui::visible;
use leptos::prelude::*;
use throughline_model::{OpenFate, OpenSpan};
use throughline_viz::format_duration;

/// Shows how long the span has been running, or how long it was known to run.
#[component]
pub(super) fn Unended(
    /// The open span.
    open: OpenSpan,
) -> impl IntoView {
    let known = format_duration(open.seen.since(open.start));
    let service = visible(&open.service);
    let text = match open.fate {
        OpenFate::Running => {
            format!("Running for {known}. Data that is recorded at its end is not known yet.")
        }
        OpenFate::ProcessEnded => format!(
            "{service} ended while this span ran, {known} after its start. It will not end."
        ),
        OpenFate::ProcessDied => format!(
            "{service} last reported {known} after the start of this span. It probably crashed. \
             Only the data reported until then is shown."
        ),
    };
    view! {
        <p class="box w" data-unended>
            {text}
        </p>
    }
    .into_any()
}
