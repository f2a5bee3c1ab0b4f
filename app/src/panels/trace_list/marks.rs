//! The markers of a trace, next to its name.

use leptos::prelude::*;
use throughline_model::{OpenFate, TraceSummary};

/// Returns the outcome of the trace as one word, for readers who cannot see the colour.
pub(super) fn outcome_of(trace: &TraceSummary) -> &'static str {
    match trace.open {
        _ if trace.error_count > 0 => "failed",
        Some(OpenFate::Running) => "running",
        Some(OpenFate::ProcessEnded | OpenFate::ProcessDied) => "not ended",
        None => "ok",
    }
}

/// One marker for each unusual fact. Most traces have none.
#[component]
pub(super) fn RowMarks(
    /// The trace.
    trace: TraceSummary,
) -> impl IntoView {
    let open = trace.open.map(|fate| match fate {
        OpenFate::Running => (
            "pill run",
            "running",
            "Some of its spans have not ended yet",
        ),
        OpenFate::ProcessEnded | OpenFate::ProcessDied => (
            "pill w",
            "not ended",
            "The process of some of its spans ended before they did",
        ),
    });
    let rootless =
        (!trace.has_root).then_some(("pill w", "no root yet", "The root span has not arrived"));
    let pinned = trace
        .is_pinned
        .then_some(("pill pin", "pinned", "No retention rule removes it"));
    [open, rootless, pinned]
        .into_iter()
        .flatten()
        .map(|(class, word, meaning)| {
            view! {
                <span class=class title=meaning>
                    {word}
                </span>
            }
        })
        .collect_view()
        .into_any()
}
