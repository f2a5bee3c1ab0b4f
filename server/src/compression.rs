//! Compresses the responses of the control panel.

use axum::http::{Extensions, HeaderMap, StatusCode, Version, header};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{And, Predicate as _, SizeAbove};

/// The smallest body that is compressed, in bytes. A smaller one fits into one packet anyway.
const MIN_BYTES: u64 = 1024;

type IsText = fn(StatusCode, Version, &HeaderMap, &Extensions) -> bool;

/// Returns the layer that compresses HTML and JSON with gzip or Brotli, whichever the client
/// prefers. Static files are embedded in compressed form; event streams must not be buffered;
/// neither is compressed here. The layer leaves a body alone that has a content encoding.
pub(crate) fn layer() -> CompressionLayer<And<SizeAbove, IsText>> {
    let is_text: IsText = |_, _, headers, _| {
        let content_type = headers.get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        content_type.is_some_and(|text| {
            text.starts_with("text/html") || text.starts_with("application/json")
        })
    };
    CompressionLayer::new().compress_when(SizeAbove::new(MIN_BYTES).and(is_text))
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::extract::Request;
    use axum::response::Response;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    /// Returns the content encoding of a response with these properties.
    async fn encoding(
        content_type: &'static str,
        bytes: usize,
        is_encoded: bool,
    ) -> Option<String> {
        let respond = move || async move {
            let mut response = Response::new(Body::from("x".repeat(bytes)));
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, content_type.parse().expect("valid"));
            if is_encoded {
                headers.insert(header::CONTENT_ENCODING, "zstd".parse().expect("valid"));
            }
            response
        };
        let router = Router::new().route("/", get(respond)).layer(layer());
        let request = Request::get("/").header(header::ACCEPT_ENCODING, "gzip, br");
        let request = request.body(Body::empty()).expect("valid");
        let response = router.oneshot(request).await.expect("never fails");
        let encodings = response.headers().get_all(header::CONTENT_ENCODING);
        let encodings: Vec<_> = encodings.iter().collect();
        assert!(encodings.len() <= 1, "{encodings:?}");
        let encoding = encodings.first().and_then(|value| value.to_str().ok());
        encoding.map(str::to_owned)
    }

    #[tokio::test]
    async fn large_texts_are_compressed_and_nothing_else() {
        let html = "text/html; charset=utf-8";
        let br = Some("br".to_owned());
        assert_eq!(encoding(html, 5_000, false).await, br);
        assert_eq!(encoding("application/json", 5_000, false).await, br);
        assert_eq!(encoding(html, 500, false).await, None);
        let encoded = Some("zstd".to_owned());
        assert_eq!(encoding(html, 5_000, true).await, encoded);
        for other in ["text/event-stream", "image/png", "application/wasm"] {
            assert_eq!(encoding(other, 5_000, false).await, None, "{other}");
        }
    }
}
