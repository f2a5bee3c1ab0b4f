//! Reads the attributes of a request's span from the request.

use std::borrow::Cow;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, MatchedPath};
use http::header::{HOST, HeaderMap, HeaderValue, USER_AGENT};
use http::{Method, Request, Version};
use throughline_wire::w3c::{Baggage, TraceParent, TraceState, header};
use throughline_wire::{Attributes, SpanKind, semconv};

use crate::context::{PropagatedHeaders, copy_user_and_session};
use crate::layer::settings::{SpanSettings, start_with};

/// The maximum length of recorded request data, in bytes, since clients control it.
const MAX_TEXT_BYTES: usize = 1024;
/// The maximum length of a request id that is recorded and echoed, in bytes.
const MAX_REQUEST_ID_BYTES: usize = 128;

/// Starts the server span of `request`.
pub(super) fn span<B>(request: &Request<B>) -> tracing::Span {
    let method = method(request.method());
    let path = request.uri().path();
    let mut settings = SpanSettings {
        kind: SpanKind::Server,
        ..SpanSettings::default()
    };
    take_parent(request.headers(), &mut settings);
    let route = request.extensions().get::<MatchedPath>();
    settings.name = Some(route.map_or(Cow::Borrowed(method), |route| {
        format!("{method} {}", route.as_str()).into()
    }));
    describe(request, method, &mut settings.attributes);
    if let Some(route) = route {
        let route = route.as_str().to_owned();
        settings.attributes.insert(semconv::HTTP_ROUTE, route);
    }
    start_with(settings, || {
        tracing::info_span!(
            "request",
            { semconv::HTTP_REQUEST_METHOD } = method,
            { semconv::URL_PATH } = cut(path),
        )
    })
}

/// Returns the request id that the caller sent, if it is short and plain.
pub(super) fn id(headers: &HeaderMap) -> Option<&HeaderValue> {
    let value = headers.get("x-request-id")?;
    let plain = value.as_bytes().iter().all(u8::is_ascii_graphic);
    (plain && (1..=MAX_REQUEST_ID_BYTES).contains(&value.len())).then_some(value)
}

fn take_parent(headers: &HeaderMap, settings: &mut SpanSettings) {
    let values = |name| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
    };
    // A value that is not text still counts: two `traceparent` values are invalid.
    let parent = headers
        .get_all(header::TRACEPARENT)
        .iter()
        .map(|value| value.to_str().unwrap_or_default());
    settings.parent = TraceParent::from_headers(parent)
        .ok()
        .flatten()
        .map(Into::into);
    let state = settings
        .parent
        .and_then(|_| TraceState::from_headers(values(header::TRACESTATE)).ok());
    let baggage = Baggage::from_headers(values(header::BAGGAGE));
    copy_user_and_session(&baggage, &mut settings.attributes);
    settings.propagated = PropagatedHeaders::new(state.as_ref(), &baggage);
}

/// Sets the attributes of semantic conventions 1.42, "HTTP server".
fn describe<B>(request: &Request<B>, method: &'static str, attributes: &mut Attributes) {
    let (uri, headers) = (request.uri(), request.headers());
    if method == OTHER {
        let original = cut(request.method().as_str()).to_owned();
        attributes.insert(semconv::HTTP_REQUEST_METHOD_ORIGINAL, original);
    }
    if let Some(query) = uri.query().filter(|query| !query.is_empty()) {
        attributes.insert(semconv::URL_QUERY, without_values(query));
    }
    let scheme = uri.scheme_str().unwrap_or("http").to_owned();
    attributes.insert(semconv::URL_SCHEME, scheme);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let authority = uri
        .authority()
        .cloned()
        .or_else(|| host.and_then(|host| host.parse().ok()));
    if let Some(authority) = authority {
        let host = cut(authority.host()).to_owned();
        attributes.insert(semconv::SERVER_ADDRESS, host);
        if let Some(port) = authority.port_u16() {
            attributes.insert(semconv::SERVER_PORT, port);
        }
    }
    if let Some(version) = version(request.version()) {
        attributes.insert(semconv::NETWORK_PROTOCOL_VERSION, version);
    }
    if let Some(agent) = headers
        .get(USER_AGENT)
        .and_then(|agent| agent.to_str().ok())
    {
        attributes.insert(semconv::USER_AGENT_ORIGINAL, cut(agent).to_owned());
    }
    if let Some(ConnectInfo(client)) = request.extensions().get::<ConnectInfo<SocketAddr>>() {
        attributes.insert(semconv::CLIENT_ADDRESS, client.ip().to_string());
    }
    if let Some(id) = id(headers).and_then(|id| id.to_str().ok()) {
        attributes.insert(semconv::REQUEST_ID, id.to_owned());
    }
}

/// The name for unknown methods. Clients could otherwise create any number of span names.
const OTHER: &str = "_OTHER";

fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => OTHER,
    }
}

fn version(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_09 => Some("0.9"),
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        Version::HTTP_2 => Some("2"),
        Version::HTTP_3 => Some("3"),
        _ => None,
    }
}

/// Returns the query with each value redacted, because values may be secrets.
fn without_values(query: &str) -> String {
    let mut text = String::new();
    for pair in cut(query).split('&').filter(|pair| !pair.is_empty()) {
        if !text.is_empty() {
            text.push('&');
        }
        match pair.split_once('=') {
            Some((key, _)) => {
                text.push_str(key);
                text.push_str("=REDACTED");
            }
            // A part without `=` may be a key or a value, so it is redacted.
            None => text.push_str("REDACTED"),
        }
    }
    text
}

/// Cuts `text` to at most [`MAX_TEXT_BYTES`] bytes.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_values_are_redacted_and_keys_kept() {
        assert_eq!(
            without_values("q=shoe&token=s3cret"),
            "q=REDACTED&token=REDACTED"
        );
        assert_eq!(without_values("s3cret"), "REDACTED");
        assert_eq!(without_values("a=b=c&&d="), "a=REDACTED&d=REDACTED");
    }

    #[test]
    fn a_request_id_is_recorded_only_if_it_is_short_ascii() {
        let read = |value: &[u8]| {
            let value = HeaderValue::from_bytes(value).expect("a header value");
            let headers = HeaderMap::from_iter([("x-request-id".parse().expect("a name"), value)]);
            id(&headers).is_some()
        };
        assert!(read(b"7b1f-22"));
        assert!(!read(b"two words"));
        assert!(!read(&[b'a'; 129]));
        assert!(!read(b""));
    }
}
