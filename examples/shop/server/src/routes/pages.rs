//! The pages and their files. All pages are the same HTML file; the browser's router selects the
//! page.

use std::convert::Infallible;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tower::{Service, service_fn};

use crate::site;

/// The paths of the browser's router. Any other path that is not a file is not found.
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

/// Serves the files of the site, and the page for unknown addresses for any other path.
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
