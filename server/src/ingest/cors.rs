//! The CORS rules of the receivers.

use axum::http::{HeaderName, Method, header};
use tower_http::cors::{Any, CorsLayer};

/// Allows every page to send, without credentials, as the OpenTelemetry SDK for browsers does. The
/// allowed headers are `headers` and those of the body.
pub(super) fn cors(headers: &[&'static str]) -> CorsLayer {
    let body = [header::CONTENT_TYPE, header::CONTENT_ENCODING];
    let own = headers.iter().map(|name| HeaderName::from_static(name));
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::POST])
        .allow_headers(body.into_iter().chain(own).collect::<Vec<_>>())
        .expose_headers([header::RETRY_AFTER])
        .max_age(std::time::Duration::from_hours(1))
}
