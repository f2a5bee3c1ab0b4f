//! `/orders/{id}`: an order and the status of its confirmation.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::components::A;
use leptos_router::hooks::use_params_map;

use super::NotFound;
use crate::api::{self, Answer, Order, Status};
use crate::components::{Loading, Problem};
use crate::money::euros;

/// The polling interval while the confirmation is pending.
const POLL: Duration = Duration::from_secs(1);

/// The page of an order.
#[component]
pub(crate) fn OrderPage() -> impl IntoView {
    super::set_title("Order");
    let params = use_params_map();
    let order = RwSignal::new(None::<Answer<Order>>);
    let id = params.with_untracked(|params| params.get("id").and_then(|id| id.parse::<i64>().ok()));
    if let Some(id) = id {
        watch(id, order);
    }
    move || match order.get() {
        Some(Ok(order)) => view! { <Details order/> }.into_any(),
        Some(Err(error)) if error.code != "not_found" => view! { <Problem error/> }.into_any(),
        None if id.is_some() => view! { <Loading what="your order"/> }.into_any(),
        _ => view! { <NotFound/> }.into_any(),
    }
}

/// Loads the order now, and polls until it has its final status or the visitor leaves the page.
fn watch(id: i64, order: RwSignal<Option<Answer<Order>>>) {
    let ask = move || {
        spawn_local(async move {
            let answer = api::order(id).await;
            // The visitor may have left the page meanwhile. The signal is then gone.
            if order.try_with_untracked(|shown| is_news(shown.as_ref(), &answer)) == Some(true) {
                order.set(Some(answer));
            }
        });
    };
    ask();
    let timer = set_interval_with_handle(
        move || {
            let pending = |order: &Option<Answer<Order>>| matches!(order, Some(Ok(order)) if order.status == Status::Pending);
            if order.try_with_untracked(pending).unwrap_or(false) {
                ask();
            }
        },
        POLL,
    );
    if let Ok(timer) = timer {
        Effect::new(move |_| {
            let settled = order
                .with(|order| matches!(order, Some(Ok(order)) if order.status != Status::Pending));
            if settled {
                timer.clear();
            }
        });
        on_cleanup(move || timer.clear());
    }
}

/// Reports whether `answer` should replace what is shown. A network error does not replace an
/// order.
fn is_news(shown: Option<&Answer<Order>>, answer: &Answer<Order>) -> bool {
    match (shown, answer) {
        (Some(Ok(_)), Err(_)) => false,
        _ => shown != Some(answer),
    }
}

#[component]
fn Details(order: Order) -> impl IntoView {
    super::set_title(&format!("Order {}", order.id));
    let (word, class, words) = match order.status {
        Status::Pending => ("Pending", "pending", "We are writing your confirmation."),
        Status::Confirmed => ("Confirmed", "confirmed", "Your confirmation has been sent."),
        Status::Failed => (
            "Not confirmed",
            "failed",
            "We could not reach you by mail. Your order stands.",
        ),
    };
    let placed = js_sys::Date::new(&order.placed_at.clone().into())
        .to_locale_string("default", &js_sys::Object::new())
        .as_string();
    view! {
        <article class="order">
            <h1>"Thank you, "{order.name}</h1>
            <p class="order-status" role="status">
                <span class=format!("status {class}") data-status=class>{word}</span>
                " "{words}
            </p>
            <dl>
                <dt>"Order"</dt><dd>{order.id}</dd>
                <dt>"Placed"</dt><dd><time datetime=order.placed_at>{placed}</time></dd>
                <dt>"Email"</dt><dd>{order.email}</dd>
                {(!order.note.is_empty()).then(|| view! { <dt>"Note"</dt><dd class="note">{order.note}</dd> })}
            </dl>
            <ul class="receipt">
                {order.items.into_iter().map(|item| view! {
                    <li>
                        <span>{item.quantity}" × "<A href=format!("/products/{}", item.product_id)>{item.name}</A></span>
                        <span class="price">{euros(item.unit_price_cents * i64::from(item.quantity))}</span>
                    </li>
                }).collect_view()}
            </ul>
            <p class="total">"Together "<strong>{euros(order.total_cents)}</strong></p>
            <A href="/" attr:class="button" attr:data-trace="Back to the shelf">"Back to the shelf"</A>
        </article>
    }
}
