//! The placeholder while data is being read.

use leptos::prelude::*;

/// A card with empty rows.
#[component]
pub(crate) fn Loading(
    /// The number of rows.
    rows: usize,
) -> impl IntoView {
    let rows: Vec<_> = (0..rows).map(|_| view! { <i></i> }).collect();
    view! {
        <div class="card loading" role="status" aria-label="Loading">
            {rows}
        </div>
    }
    .into_any()
}
