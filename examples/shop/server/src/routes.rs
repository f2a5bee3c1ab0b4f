//! What the shop answers to, in one list.

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

/// Largest body the API takes.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// The shop as a service: its API, its pages and its files.
///
/// `collector` is the address of the Throughline server; the pages are told to send there.
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
        // TRACE: a span per request, in the caller's trace. What is added below is not traced.
        .layer(throughline::axum::TraceLayer::new())
        .route("/healthz", get(health::check).with_state(pool))
        .fallback_service(pages::files(collector))
}

/// A JSON body; a bad one is answered as every error of the API is.
#[derive(FromRequest)]
#[from_request(via(axum::Json), rejection(ApiError))]
struct Body<T>(T);

/// A segment of the path; a bad one names nothing there is.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(ApiError))]
struct Segment<T>(T);
