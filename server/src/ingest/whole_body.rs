//! Reads the whole body of a request before anything else is done for it. A client that stalls in
//! its body holds no permit of a response meanwhile.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::Body as _;

use super::body::{BodyLimits, read_as_sent};
use super::fault::Fault;

/// Reads the body within the limits, then runs the request. The response is a problem document if
/// the body is too large or does not arrive in time.
pub(crate) async fn read_first(
    State(limits): State<BodyLimits>,
    request: Request,
    next: Next,
) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    // Holds its share of the memory for all bodies until the response is built.
    let read = match read_as_sent(&parts.headers, body, &limits).await {
        Ok(read) => read,
        Err(error) => return Fault::from(error).problem(),
    };
    let request = Request::from_parts(parts, Body::from(read.bytes.clone()));
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::Router;
    use axum::http::StatusCode;
    use axum::middleware::from_fn_with_state;
    use axum::routing::post;
    use bytes::Bytes;
    use futures::stream::{self, StreamExt as _};
    use tokio::time::sleep;
    use tower::ServiceExt as _;

    use super::*;

    /// Returns the response to a body that comes in parts, one every 3 s. `None` stands for a part
    /// that never comes.
    async fn answer(parts: Vec<Option<&'static str>>) -> (StatusCode, Bytes) {
        let app = Router::new()
            .route("/", post(async |body: Bytes| body))
            .layer(from_fn_with_state(BodyLimits::new(10, 100), read_first));
        let parts = stream::iter(parts).then(async |part| {
            sleep(Duration::from_secs(3)).await;
            match part {
                Some(part) => Ok::<_, std::io::Error>(part),
                None => std::future::pending().await,
            }
        });
        let request = Request::post("/").body(Body::from_stream(parts));
        let response = app.oneshot(request.expect("valid")).await.expect("answers");
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await;
        (status, body.expect("a body"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_trickles_or_is_too_large_does_not_reach_the_handler() {
        for (parts, status) in [
            (vec![None], StatusCode::REQUEST_TIMEOUT),
            (vec![Some("a"), None], StatusCode::REQUEST_TIMEOUT),
            (vec![Some("a"); 9], StatusCode::REQUEST_TIMEOUT),
            (vec![Some("abcdef"); 2], StatusCode::PAYLOAD_TOO_LARGE),
        ] {
            assert_eq!(answer(parts.clone()).await.0, status, "{parts:?}");
        }
        let whole = answer(vec![Some("ab"), Some("cd"), Some("")]).await;
        assert_eq!(whole, (StatusCode::OK, Bytes::from_static(b"abcd")));
        let empty = answer(vec![]).await;
        assert_eq!(empty, (StatusCode::OK, Bytes::new()));
    }
}
