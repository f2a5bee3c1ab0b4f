//! The frame around every page, and the routes.

use leptos::prelude::*;
use leptos_router::components::{A, Route, Router, Routes};
use leptos_router::path;

use crate::basket::Basket;
use crate::pages::{CartPage, Checkout, NotFound, OrderPage, ProductPage, Shelf};

/// The shop application.
#[component]
pub(crate) fn App() -> impl IntoView {
    Basket::provide();
    view! {
        <Router>
            <a class="skip" href="#content">"Skip to content"</a>
            <Header/>
            <main id="content" tabindex="-1">
                <Routes fallback=NotFound>
                    <Route path=path!("/") view=Shelf/>
                    <Route path=path!("/products/:id") view=ProductPage/>
                    <Route path=path!("/cart") view=CartPage/>
                    <Route path=path!("/checkout") view=Checkout/>
                    <Route path=path!("/orders/:id") view=OrderPage/>
                </Routes>
            </main>
            <footer>
                "Larkspur Goods is an example: nothing is charged and nothing is sent. "
                "Every click here leaves a trace."
            </footer>
        </Router>
    }
}

#[component]
fn Header() -> impl IntoView {
    let basket = Basket::expect();
    view! {
        <header class="masthead">
            <A href="/" attr:class="brand">
                <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
                    <path d="M16 29V14" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round"/>
                    <path d="M16 16C9 16 6 11 6 5c7 0 10 4 10 11zm0 4c0-7 4-11 10-11 0 7-3 11-10 11z" fill="currentColor"/>
                </svg>
                "Larkspur Goods"
            </A>
            <nav aria-label="Shop">
                <A href="/" attr:data-trace="Open shelf">"Shelf"</A>
                <A href="/cart" attr:class="to-cart" attr:data-trace="Open cart">
                    "Cart"
                    <Show when=move || { basket.count() > 0 }>
                        <span class="badge">{move || basket.count()}</span>
                        <span class="unseen">"in it"</span>
                    </Show>
                </A>
            </nav>
        </header>
    }
}
