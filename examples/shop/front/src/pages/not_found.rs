//! The page for unknown addresses.

use leptos::prelude::*;
use leptos_router::components::A;

/// The message that the page does not exist.
#[component]
pub(crate) fn NotFound() -> impl IntoView {
    super::set_title("Not found");
    view! {
        <section class="empty">
            <h1>"Nothing on this shelf"</h1>
            <p>"There is no such page. It may have been sold."</p>
            <A href="/" attr:class="button">"To the shelf"</A>
        </section>
    }
}
