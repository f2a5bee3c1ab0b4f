//! A service name with its colour.

use super::visible;
use leptos::prelude::*;
use throughline_viz::colour_of;

/// The name with its colour next to it, never the colour alone.
#[component]
pub(crate) fn ServiceTag(
    /// The name of the service.
    #[prop(into)]
    name: String,
) -> impl IntoView {
    let colour = format!("--c:var(--s{})", colour_of(&name));
    view! {
        <span class="svc" style=colour>
            {visible(&name)}
        </span>
    }
}
