//! What is unusual about a trace, beside its name.

use leptos::prelude::*;
use throughline_model::{OpenFate, TraceSummary};

/// How the trace ended, in one word; red alone tells nobody who cannot see it.
pub(super) fn outcome_of(trace: &TraceSummary) -> &'static str {
    match trace.open {
        _ if trace.error_count > 0 => "failed",
        Some(OpenFate::Running) => "running",
        Some(OpenFate::ProcessEnded | OpenFate::ProcessDied) => "not ended",
        None => "ok",
    }
}

/// A mark for each; most traces have none.
#[component]
pub(super) fn RowMarks(
    /// The trace.
    trace: TraceSummary,
) -> impl IntoView {
    let open = trace.open.map(|fate| match fate {
        OpenFate::Running => (
            "pill run",
            "running",
            "Some of its spans have begun and not ended",
        ),
        OpenFate::ProcessEnded | OpenFate::ProcessDied => (
            "pill w",
            "not ended",
            "Some of its spans did not end before their process did",
        ),
    });
    let rootless = (!trace.has_root).then_some((
        "pill w",
        "no root yet",
        "The span that began this trace has not arrived",
    ));
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
