//! The access check for readers: without sign-in, only pages and programs of this machine may read.
//!
//! The server listens on loopback, but a foreign page in a browser of this machine could still
//! reach it. It could use a name that resolves to 127.0.0.1 (DNS rebinding): the `Host` check stops
//! it. It could send a cross-origin request: the `Origin` check stops it on routes that change
//! data.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;

/// Returns the host of `host[:port]`, without the brackets of IPv6.
fn host_of(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split_once(']').map_or(rest, |(host, _)| host);
    }
    authority
        .split_once(':')
        .map_or(authority, |(host, _)| host)
}

fn is_loopback(authority: &str) -> bool {
    let host = host_of(authority);
    host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Lets a request pass only if it comes from this machine's own pages and programs.
pub async fn guard(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let authority = text(headers, header::HOST).or_else(|| {
        request
            .uri()
            .authority()
            .map(axum::http::uri::Authority::as_str)
    });
    let Some(authority) = authority.filter(|authority| is_loopback(authority)) else {
        return refuse(
            "this server accepts loopback host names only, such as 127.0.0.1 or localhost",
        );
    };
    if !matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    ) {
        let foreign = match text(headers, header::ORIGIN) {
            Some(origin) => origin.split_once("://").map(|(_, rest)| rest) != Some(authority),
            None => text(headers, header::HeaderName::from_static("sec-fetch-site"))
                .is_some_and(|site| site != "same-origin" && site != "none"),
        };
        if foreign {
            return refuse("this server rejects requests from pages of other origins");
        }
    }
    next.run(request).await
}

fn refuse(reason: &str) -> Response {
    Problem::new(StatusCode::FORBIDDEN, "Forbidden", reason).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_host_names_pass_and_others_do_not() {
        for host in [
            "127.0.0.1:3000",
            "localhost",
            "[::1]:3000",
            "127.8.8.8",
            "a.localhost:1",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "evil.test",
            "127.0.0.1.evil.test",
            "10.0.0.1:3000",
            "",
            "localhost.evil.test",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
