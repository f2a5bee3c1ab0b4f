//! `/cart`: the visitor's cart.

use leptos::prelude::*;
use leptos_router::components::A;

use crate::api::{Cart, CartItem};
use crate::basket::Basket;
use crate::components::{Loading, Picture, Problem, Short};
use crate::money::euros;
use crate::task::spawn;

/// The page of the cart.
#[component]
pub(crate) fn CartPage() -> impl IntoView {
    super::set_title("Cart");
    let basket = Basket::expect();
    // Stock and prices may have changed since the cart was last loaded.
    leptos::task::spawn_local(basket.load());
    view! {
        <h1>"Your cart"</h1>
        {move || basket.error().map(|error| view! { <Problem error/> })}
        {move || match basket.cart() {
            Some(cart) if cart.items.is_empty() => view! { <Empty/> }.into_any(),
            Some(cart) => view! { <Filled cart/> }.into_any(),
            None if basket.error().is_some() => ().into_any(),
            None => view! { <Loading what="your cart"/> }.into_any(),
        }}
    }
}

/// The empty cart, with a link to the products.
#[component]
pub(crate) fn Empty() -> impl IntoView {
    view! {
        <section class="empty">
            <p>"Your cart is empty."</p>
            <A href="/" attr:class="button primary" attr:data-trace="To the shelf">"To the shelf"</A>
        </section>
    }
}

#[component]
fn Filled(cart: Cart) -> impl IntoView {
    let total = euros(cart.total_cents);
    view! {
        <ul class="lines">
            {cart.items.into_iter().map(|item| view! { <Line item/> }).collect_view()}
        </ul>
        <p class="total">"Together "<strong>{total}</strong></p>
        <p class="actions">
            <A href="/" attr:class="button" attr:data-trace="Keep looking">"Keep looking"</A>
            <A href="/checkout" attr:class="button primary" attr:data-trace="Check out">
                "Check out"
            </A>
        </p>
    }
}

#[component]
fn Line(item: CartItem) -> impl IntoView {
    let basket = Basket::expect();
    let id = item.product_id;
    let name = item.name.clone();
    let change = move |event| {
        if let Ok(quantity) = event_target_value(&event).trim().parse() {
            spawn(basket.set_quantity(id, quantity));
        }
    };
    let short = (item.stock < item.quantity).then(|| view! { <Short left=item.stock/> });
    view! {
        <li class="line">
            <Picture svg=item.picture/>
            <span class="line-name">
                <A href=format!("/products/{id}")>{item.name}</A>
                <span class="muted">{euros(item.unit_price_cents)}" each"</span>
                {short}
            </span>
            <input
                type="number" inputmode="numeric" min="1" max="99"
                aria-label=format!("How many of {name}")
                prop:value=item.quantity on:change=change
            />
            <span class="price">{euros(item.unit_price_cents * i64::from(item.quantity))}</span>
            <button
                class="quiet" data-trace=format!("Remove {name}")
                aria-label=format!("Remove {name}")
                on:click=move |_| spawn(basket.remove(id))
            >
                "Remove"
            </button>
        </li>
    }
}
