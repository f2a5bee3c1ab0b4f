//! The CORS rules of the receivers.

use axum::http::{HeaderName, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// Allows every page to send, with and without credentials. `navigator.sendBeacon` always sends in
/// credentials mode, in which browsers refuse the origin `*`: the response repeats the origin of
/// the request. The allowed headers are `headers`, those of the body and `authorization`.
///
/// The receivers read no cookies and return only counts, so a page learns nothing with the
/// credentials of its user. The panel and its API are other routes without these rules.
pub(super) fn cors(headers: &[&'static str]) -> CorsLayer {
    let common = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
    ];
    let own = headers.iter().map(|name| HeaderName::from_static(name));
    CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_credentials(true)
        .allow_methods([Method::POST])
        .allow_headers(common.into_iter().chain(own).collect::<Vec<_>>())
        .expose_headers([header::RETRY_AFTER])
        .max_age(std::time::Duration::from_hours(1))
}
