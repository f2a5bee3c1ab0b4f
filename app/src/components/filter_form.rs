//! The form of a filter: a plain GET form without script, live updates with it.

use leptos::ev;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use throughline_model::query::href;

mod fields;

pub(super) use fields::{Choice, RangeField, ServiceField, TextField, Values, value_of};

/// A form whose values come from the URL. Each change updates the URL.
#[component]
pub(super) fn FilterForm(
    /// The path of the page.
    path: &'static str,
    /// The names of the parameters.
    keys: &'static [&'static str],
    /// The name of the form for screen readers.
    label: &'static str,
    /// The fields.
    children: Children,
) -> impl IntoView {
    let navigate = use_navigate();
    let go = move |form: &web_sys::HtmlFormElement, changed: &str| {
        if let Some(href) = address_of(form, (path, keys), changed) {
            navigate(
                &href,
                NavigateOptions {
                    scroll: false,
                    ..Default::default()
                },
            );
        }
    };
    let go_on_submit = go.clone();
    let on_submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        if let Some(form) = form_of(&event) {
            go_on_submit(&form, "");
        }
    };
    let on_change = move |event: ev::Event| {
        if let Some(form) = form_of(&event) {
            let field = event
                .target()
                .and_then(|target| target.dyn_into::<web_sys::Element>().ok());
            go(
                &form,
                &field
                    .and_then(|field| field.get_attribute("name"))
                    .unwrap_or_default(),
            );
        }
    };
    view! {
        <form
            class="card filter"
            method="get"
            action=path
            role="search"
            aria-label=label
            // After a reload, the browser would restore old values that the URL no longer has.
            autocomplete="off"
            on:submit=on_submit
            on:change=on_change
        >
            {children()}
            <button class="btn primary apply" type="submit">
                "Apply"
            </button>
        </form>
    }
    .into_any()
}

fn form_of(event: &web_sys::Event) -> Option<web_sys::HtmlFormElement> {
    event.current_target()?.dyn_into().ok()
}

/// Returns the URL that the form requests. `None` while a custom range has only one end.
fn address_of(
    form: &web_sys::HtmlFormElement,
    (path, keys): (&str, &'static [&'static str]),
    changed: &str,
) -> Option<String> {
    let data = web_sys::FormData::new_with_form(form).ok()?;
    let mut pairs: Vec<(&str, String)> = keys
        .iter()
        .flat_map(|key| {
            let values = data.get_all(key).to_vec().into_iter();
            values.filter_map(move |value| Some((*key, value.as_string()?)))
        })
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let ends = pairs
        .iter()
        .filter(|(key, _)| matches!(*key, "from" | "to"))
        .count();
    match changed {
        // A newly chosen relative range replaces the custom one.
        "range" => pairs.retain(|(key, _)| !matches!(*key, "from" | "to")),
        "from" | "to" if ends == 1 => return None,
        _ if ends > 0 => pairs.retain(|(key, _)| *key != "range"),
        _ => {}
    }
    Some(href(path, pairs))
}
