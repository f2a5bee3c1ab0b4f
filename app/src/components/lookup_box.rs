//! The lookup form for any reference: a plain GET form without script, client-side with it.

use leptos::ev;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate};
use throughline_model::Query;
use web_sys::HtmlInputElement;

use crate::state::lookup_href;
use crate::ui::AsTyped;

/// The lookup form. On the lookup page it contains the current reference.
#[component]
pub(crate) fn LookupBox() -> impl IntoView {
    let location = use_location();
    let (path, search) = (location.pathname, location.search);
    let value = move || {
        let is_here = path.with(|path| path == "/lookup");
        let query = search.with(|search| Query::parse(search));
        let text = query.last("q").filter(|_| is_here);
        text.unwrap_or_default().trim().to_owned()
    };
    view! { <LookupForm label="Any id" text=Signal::derive(value) /> }.into_any()
}

/// The form: one field, and the key that focuses it.
#[component]
pub(super) fn LookupForm(
    /// The name of the field for screen readers.
    label: &'static str,
    /// The text in the field until the user types.
    text: Signal<String>,
    /// Called with the field after it was submitted.
    #[prop(optional)]
    on_submit: Option<Callback<HtmlInputElement>>,
) -> impl IntoView {
    let field = NodeRef::<leptos::html::Input>::new();
    let navigate = use_navigate();
    let look_up = move |event: ev::SubmitEvent| {
        event.prevent_default();
        if let Some(field) = field.get_untracked() {
            navigate(&lookup_href(&field.value()), NavigateOptions::default());
            if let Some(on_submit) = on_submit {
                on_submit.run(field);
            }
        }
    };
    view! {
        <form
            class="lookup"
            method="get"
            action="/lookup"
            role="search"
            aria-label="Look up an id"
            on:submit=look_up
        >
            <input
                node_ref=field
                // Not of the type `search`: browsers clear such a field by Escape.
                type="text"
                role="searchbox"
                enterkeyhint="search"
                name="q"
                value=move || text.get()
                prop:value=move || AsTyped(text.get())
                placeholder="Trace, span, request, order … id"
                aria-label=label
                autocomplete="off"
                autocapitalize="off"
                spellcheck="false"
                data-search
            />
            <kbd class="needs-js" aria-hidden="true">
                "/"
            </kbd>
        </form>
    }
    .into_any()
}
