//! Small pieces that pages share.

use leptos::prelude::*;

use crate::api::ApiError;

/// A product's drawing, from the shop's own database.
#[component]
pub(crate) fn Picture(svg: String) -> impl IntoView {
    view! { <span class="picture" inner_html=svg></span> }
}

/// Something went wrong, in words.
#[component]
pub(crate) fn Problem(error: ApiError) -> impl IntoView {
    view! { <p class="problem" role="alert" data-code=error.code>{error.message}</p> }
}

/// Shown while an answer is under way.
#[component]
pub(crate) fn Loading(what: &'static str) -> impl IntoView {
    view! { <p class="loading" role="status">"Fetching "{what}"…"</p> }
}

/// Below this many, the shop says how many there are.
const FEW: i32 = 10;

/// How many can be had.
#[component]
pub(crate) fn Stock(left: i32) -> impl IntoView {
    if left < FEW {
        view! { <Short left/> }.into_any()
    } else {
        view! { <span class="stock">"In stock"</span> }.into_any()
    }
}

/// How many can be had, when that may be too few.
#[component]
pub(crate) fn Short(left: i32) -> impl IntoView {
    match left {
        0 => view! { <span class="stock none">"Sold out"</span> }.into_any(),
        _ => view! { <span class="stock few">"Only "{left}" left"</span> }.into_any(),
    }
}
