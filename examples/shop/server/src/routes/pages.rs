//! The pages, which are one page that the browser makes into many, and the files they load.

use std::convert::Infallible;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tower::{Service, service_fn};

use crate::site;

/// Addresses the browser's router knows; everything else that is no file is a page not found.
const PAGES: [&str; 5] = ["/", "/products/{id}", "/cart", "/checkout", "/orders/{id}"];

pub(super) fn router(collector: &str) -> Router {
    let page = site::index(collector);
    PAGES.into_iter().fold(Router::new(), |router, path| {
        let page = page.clone();
        router.route(
            path,
            get(async move || answer(StatusCode::OK, page.as_deref())),
        )
    })
}

/// The files of the site; the page that says "not found" for what is none of them.
pub(super) fn files(
    collector: &str,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    let page = site::index(collector);
    service_fn(move |request: Request| {
        let page = page.clone();
        async move {
            let file = site::file(request.uri().path(), request.headers());
            Ok(file.unwrap_or_else(|| answer(StatusCode::NOT_FOUND, page.as_deref())))
        }
    })
}

fn answer(status: StatusCode, page: Option<&str>) -> Response {
    match page {
        Some(page) => (
            status,
            [("cache-control", "no-cache")],
            Html(page.to_owned()),
        )
            .into_response(),
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            "This shop was built without its pages. `cargo xtask build` builds both.\n",
        )
            .into_response(),
    }
}
