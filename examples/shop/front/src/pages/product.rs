//! `/products/{id}`: a product and the form that adds it to the cart.

use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos_router::components::A;
use leptos_router::hooks::use_params_map;

use super::NotFound;
use crate::api::{self, ApiError, Product};
use crate::basket::Basket;
use crate::components::{Loading, Picture, Problem, Stock};
use crate::money::euros;
use crate::task::spawn;

/// The page of a product.
#[component]
pub(crate) fn ProductPage() -> impl IntoView {
    let params = use_params_map();
    let id = move || params.with(|params| params.get("id").and_then(|id| id.parse::<i32>().ok()));
    let product = LocalResource::new(move || {
        let id = id();
        async move {
            match id {
                Some(id) => api::product(id).await.map(Some),
                None => Ok(None),
            }
        }
    });
    view! {
        <Suspense fallback=|| view! { <Loading what="it from the shelf"/> }>
            {move || Suspend::new(async move {
                match product.await {
                    Ok(Some(product)) => view! { <Details product/> }.into_any(),
                    Err(error) if error.code != "not_found" => {
                        view! { <Problem error/> }.into_any()
                    }
                    _ => view! { <NotFound/> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Details(product: Product) -> impl IntoView {
    super::set_title(&product.name);
    view! {
        <article class="product">
            <Picture svg=product.picture/>
            <div class="product-text">
                <h1>{product.name.clone()}</h1>
                <p class="lead">{product.summary}</p>
                <p>{product.description}</p>
                <p class="product-price">
                    <span class="price">{euros(product.price_cents)}</span>
                    <Stock left=product.stock/>
                </p>
                <AddForm id=product.id name=product.name sold_out={product.stock == 0}/>
            </div>
        </article>
    }
}

/// The state of adding the product to the cart.
#[derive(Clone, PartialEq)]
enum Adding {
    Idle,
    UnderWay,
    Done(i32),
    Failed(ApiError),
}

#[component]
fn AddForm(id: i32, name: String, sold_out: bool) -> impl IntoView {
    let basket = Basket::expect();
    let quantity = RwSignal::new("1".to_owned());
    let state = RwSignal::new(Adding::Idle);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Ok(wanted) = quantity.get_untracked().trim().parse::<i32>() else {
            return;
        };
        state.set(Adding::UnderWay);
        spawn(async move {
            state.set(match basket.add(id, wanted).await {
                Ok(()) => Adding::Done(wanted),
                Err(error) => Adding::Failed(error),
            });
        });
    };
    view! {
        <form class="add" on:submit=submit data-trace="Add to cart">
            <label>
                "How many"
                // TRACE: permits recording this value.
                <input
                    type="number" name="quantity" inputmode="numeric" min="1" max="99" required
                    data-trace-value="" bind:value=quantity
                />
            </label>
            <button
                class="button primary" data-trace=format!("Add {name}")
                disabled=move || sold_out || state.get() == Adding::UnderWay
            >
                "Add to cart"
            </button>
        </form>
        <div aria-live="polite">
            {move || match state.get() {
                Adding::Idle | Adding::UnderWay => ().into_any(),
                Adding::Done(count) => view! {
                    <p class="done">{count}" more in your cart. "<A href="/cart" attr:data-trace="See the cart">"See the cart"</A></p>
                }
                .into_any(),
                Adding::Failed(error) => view! { <Problem error/> }.into_any(),
            }}
        </div>
    }
}
