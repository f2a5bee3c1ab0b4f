//! `/checkout`: the order form.

use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use super::cart::Empty;
use crate::api::{self, ApiError, Cart, OrderForm};
use crate::basket::Basket;
use crate::components::{Loading, Problem};
use crate::money::euros;
use crate::task::spawn;

/// The order form, beside the items to order.
#[component]
pub(crate) fn Checkout() -> impl IntoView {
    super::set_title("Check out");
    let basket = Basket::expect();
    // The form must keep its input when the cart changes. It is rendered again only when this memo
    // changes.
    let state = Memo::new(move |_| basket.cart().map(|cart| cart.items.is_empty()));
    view! {
        <h1>"Check out"</h1>
        {move || match state.get() {
            Some(true) => view! { <Empty/> }.into_any(),
            Some(false) => view! {
                <div class="checkout">
                    <Form/>
                    {move || basket.cart().map(|cart| view! { <Summary cart/> })}
                </div>
            }
            .into_any(),
            None => match basket.error() {
                Some(error) => view! { <Problem error/> }.into_any(),
                None => view! { <Loading what="your cart"/> }.into_any(),
            },
        }}
    }
}

#[component]
fn Form() -> impl IntoView {
    let basket = Basket::expect();
    let navigate = use_navigate();
    let (name, email, note) = (
        RwSignal::new(String::new()),
        RwSignal::new(String::new()),
        RwSignal::new(String::new()),
    );
    let sending = RwSignal::new(false);
    let error = RwSignal::new(None::<ApiError>);

    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let form = OrderForm {
            name: name.get_untracked(),
            email: email.get_untracked(),
            note: note.get_untracked(),
        };
        // TRACE: sets the user of the session from here on.
        throughline_browser::set_user(form.email.trim());
        sending.set(true);
        let navigate = navigate.clone();
        spawn(async move {
            match api::place_order(&form).await {
                Ok(order) => {
                    navigate(
                        &format!("/orders/{order}"),
                        leptos_router::NavigateOptions::default(),
                    );
                    basket.clear();
                }
                Err(problem) => {
                    error.set(Some(problem));
                    sending.set(false);
                }
            }
        });
    };
    let wrong = move |field: &'static str| {
        error.with(|error| {
            error
                .as_ref()
                .is_some_and(|error| error.field.as_deref() == Some(field))
        })
    };
    view! {
        <form class="order-form" on:submit=submit data-trace="Order form">
            // TRACE: `data-trace-value` permits recording a value. The e-mail address does not have
            // it.
            <label>
                "Name"
                <input
                    name="name" autocomplete="name" required maxlength="200" data-trace-value=""
                    aria-invalid=move || wrong("name").then_some("true") bind:value=name
                />
            </label>
            <label>
                "Email"
                <input
                    type="email" name="email" autocomplete="email" required maxlength="254"
                    aria-invalid=move || wrong("email").then_some("true") bind:value=email
                />
            </label>
            <label>
                <span>"Note "<span class="muted">"if you like"</span></span>
                <textarea
                    name="note" rows="3" maxlength="2000" data-trace-value=""
                    aria-invalid=move || wrong("note").then_some("true") bind:value=note
                ></textarea>
            </label>
            {move || error.get().map(|error| view! { <Problem error/> })}
            <button class="button primary" data-trace="Place order" disabled=move || sending.get()>
                {move || if sending.get() { "Placing order…" } else { "Place order" }}
            </button>
        </form>
    }
}

#[component]
fn Summary(cart: Cart) -> impl IntoView {
    view! {
        <aside class="summary" aria-label="What you order">
            <ul>
                {cart.items.into_iter().map(|item| view! {
                    <li>
                        <span>{item.quantity}" × "{item.name}</span>
                        <span class="price">{euros(item.unit_price_cents * i64::from(item.quantity))}</span>
                    </li>
                }).collect_view()}
            </ul>
            <p class="total">"Together "<strong>{euros(cart.total_cents)}</strong></p>
        </aside>
    }
}
