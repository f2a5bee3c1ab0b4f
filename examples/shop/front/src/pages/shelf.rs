//! `/`: all products.

use leptos::prelude::*;
use leptos_router::components::A;

use crate::api::{self, Product};
use crate::components::{Loading, Picture, Problem, Stock};
use crate::money::euros;

/// The page of all products.
#[component]
pub(crate) fn Shelf() -> impl IntoView {
    super::set_title("Shelf");
    let products = LocalResource::new(api::products);
    view! {
        <section class="intro">
            <h1>"Eight useful things, made slowly"</h1>
            <p>"For the kitchen, the pocket and the windowsill."</p>
        </section>
        <Suspense fallback=|| view! { <Loading what="the shelf"/> }>
            {move || Suspend::new(async move {
                match products.await {
                    Ok(products) => view! {
                        <ul class="shelf">
                            {products.into_iter().map(|product| view! { <Card product/> }).collect_view()}
                        </ul>
                    }
                    .into_any(),
                    Err(error) => view! { <Problem error/> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Card(product: Product) -> impl IntoView {
    let trace = format!("Open {}", product.name);
    view! {
        <li class="card">
            <A href=format!("/products/{}", product.id) attr:data-trace=trace>
                <Picture svg=product.picture/>
                <span class="card-text">
                    <span class="card-name">{product.name}</span>
                    <span class="card-summary">{product.summary}</span>
                </span>
                <span class="card-foot">
                    <span class="price">{euros(product.price_cents)}</span>
                    <Stock left=product.stock/>
                </span>
            </A>
        </li>
    }
}
