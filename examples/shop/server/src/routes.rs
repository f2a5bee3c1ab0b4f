//! The routes of the shop, in one list.

mod cart;
mod health;
mod orders;
mod pages;
mod products;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts};
use axum::routing::{any, get, post, put};
use sqlx::PgPool;

use crate::error::ApiError;

/// The maximum size of a request body, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Returns the service of the shop: its API, its pages and its files.
///
/// `collector` is the address of the Throughline server. The pages send their spans there.
pub fn router(pool: PgPool, collector: &str) -> Router {
    let api = Router::new()
        .route("/api/products", get(products::list))
        .route("/api/products/{id}", get(products::show))
        .route("/api/cart", get(cart::show))
        .route("/api/cart/items", post(cart::add_item))
        .route(
            "/api/cart/items/{id}",
            put(cart::set_item).delete(cart::remove_item),
        )
        .route("/api/orders", post(orders::place))
        .route("/api/orders/{id}", get(orders::show))
        .route("/api/{*rest}", any(async || ApiError::NotFound("address")))
        .with_state(pool.clone())
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES));

    Router::new()
        .merge(api)
        .merge(pages::router(collector))
        // TRACE: adds a span for each request, in the caller's trace. Routes added below are not
        // traced.
        .layer(throughline::axum::TraceLayer::new())
        .route("/healthz", get(health::check).with_state(pool))
        .fallback_service(pages::files(collector))
}

/// A JSON body. An invalid one gives an error response of the API.
#[derive(FromRequest)]
#[from_request(via(axum::Json), rejection(ApiError))]
struct Body<T>(T);

/// A path segment. An invalid one gives `404`.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(ApiError))]
struct Segment<T>(T);
