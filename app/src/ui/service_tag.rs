//! A service by name and colour.

use leptos::prelude::*;
use throughline_viz::colour_of;

/// The name with its colour beside it, never the colour alone.
#[component]
pub(crate) fn ServiceTag(
    /// Its name.
    #[prop(into)]
    name: String,
) -> impl IntoView {
    let colour = format!("--c:var(--s{})", colour_of(&name));
    view! {
        <span class="svc" style=colour>
            {name}
        </span>
    }
}
