//! Small components that pages share.

use leptos::prelude::*;

use crate::api::ApiError;

/// A drawing of a product, from the shop's own database.
#[component]
pub(crate) fn Picture(svg: String) -> impl IntoView {
    view! { <span class="picture" inner_html=svg></span> }
}

/// An error message.
#[component]
pub(crate) fn Problem(error: ApiError) -> impl IntoView {
    view! { <p class="problem" role="alert" data-code=error.code>{error.message}</p> }
}

/// A placeholder while a request runs.
#[component]
pub(crate) fn Loading(what: &'static str) -> impl IntoView {
    view! { <p class="loading" role="status">"Fetching "{what}"…"</p> }
}

/// The shop shows the number in stock if it is below this.
const FEW: i32 = 10;

/// The number of pieces in stock.
#[component]
pub(crate) fn Stock(left: i32) -> impl IntoView {
    if left < FEW {
        view! { <Short left/> }.into_any()
    } else {
        view! { <span class="stock">"In stock"</span> }.into_any()
    }
}

/// The number of pieces in stock, for an item that may exceed it.
#[component]
pub(crate) fn Short(left: i32) -> impl IntoView {
    match left {
        0 => view! { <span class="stock none">"Sold out"</span> }.into_any(),
        _ => view! { <span class="stock few">"Only "{left}" left"</span> }.into_any(),
    }
}
