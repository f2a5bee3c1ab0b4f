//! The CORS rules of the receivers: which pages may send.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Uri;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::fault::Fault;

/// The origin of a page, such as `https://shop.example`, as browsers send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(HeaderValue);

impl FromStr for Origin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected an origin without a path, such as https://shop.example";
        let uri: Uri = text.to_ascii_lowercase().parse().map_err(|_| EXPECTED)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(EXPECTED);
        };
        if uri.path() != "/" || uri.query().is_some() || authority.as_str().contains('@') {
            return Err(EXPECTED);
        }
        // Browsers leave the default port out.
        let authority = match scheme {
            "http" => authority.as_str().trim_end_matches(":80"),
            "https" => authority.as_str().trim_end_matches(":443"),
            _ => authority.as_str(),
        };
        HeaderValue::try_from(format!("{scheme}://{authority}"))
            .map(Self)
            .map_err(|_| EXPECTED)
    }
}

/// The origins whose pages may send. Default: all.
#[derive(Debug, Clone, Default)]
pub struct AllowedOrigins(Option<Arc<[Origin]>>);

impl AllowedOrigins {
    /// Allows these origins only, or all if there are none.
    pub fn new(origins: &[Origin]) -> Self {
        Self((!origins.is_empty()).then(|| origins.into()))
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        self.0
            .as_deref()
            .is_none_or(|origins| origins.iter().any(|allowed| allowed.0 == origin))
    }

    /// Returns whether a request may come from its page. A request without an origin is not of a
    /// page. A page of the address to which it sends is always allowed.
    fn allows_request(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else {
            return true;
        };
        let host = origin.to_str().ok().and_then(|text| text.split_once("://"));
        let is_own = host.is_some_and(|(_, host)| {
            headers
                .get(header::HOST)
                .is_some_and(|own| own.as_bytes() == host.as_bytes())
        });
        is_own || self.allows(origin)
    }
}

/// Lets the pages of `origins` send, with and without credentials. `navigator.sendBeacon` always
/// sends in credentials mode, in which browsers refuse the origin `*`: the response repeats the
/// origin of the request. The allowed headers are `headers`, those of the body and `authorization`.
///
/// The receivers read no cookies and return only counts, so a page learns nothing with the
/// credentials of its user. The panel and its API are other routes without these rules.
pub(super) fn cors(origins: &AllowedOrigins, headers: &[&'static str]) -> CorsLayer {
    let common = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
    ];
    let own = headers.iter().map(|name| HeaderName::from_static(name));
    let origins = origins.clone();
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| {
            origins.allows(origin)
        }))
        .allow_credentials(true)
        .allow_methods([Method::POST])
        .allow_headers(common.into_iter().chain(own).collect::<Vec<_>>())
        .expose_headers([header::RETRY_AFTER])
        .max_age(std::time::Duration::from_hours(1))
}

/// Refuses the requests of pages that may not send. CORS alone does not: a browser sends a simple
/// request, such as a beacon of plain text, and only hides the response.
pub(super) async fn check_origin(
    State(origins): State<AllowedOrigins>,
    request: Request,
    next: Next,
) -> Response {
    if origins.allows_request(request.headers()) {
        return next.run(request).await;
    }
    let detail =
        "pages of this origin may not send; --allow-origin of the server names those that may";
    Fault::new(StatusCode::FORBIDDEN, "Forbidden", detail).problem()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_as_browsers_send_it() {
        for (text, origin) in [
            ("https://shop.example", "https://shop.example"),
            ("HTTPS://Shop.Example:443/", "https://shop.example"),
            ("http://localhost:80", "http://localhost"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://[::1]:443", "http://[::1]:443"),
            ("chrome-extension://abc", "chrome-extension://abc"),
        ] {
            assert_eq!(text.parse::<Origin>().expect("an origin").0, origin);
        }
        for text in [
            "",
            "*",
            "null",
            "shop.example",
            "https://",
            "https://shop.example/path",
            "https://shop.example/?a",
            "https://me@shop.example",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }
}
