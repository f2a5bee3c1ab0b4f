//! Limits the number of large responses in memory. Each response holds a permit until its last byte
//! is sent or its client has disconnected, not only until it is built.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::problem::Problem;

/// The most large responses at once. This is fewer than the read connections: building a response
/// takes several times its limit of 10 MiB.
const MAX_RESPONSES: usize = 5;
/// The time a request waits for a permit.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The delay after which a refused client may retry.
const RETRY: Duration = Duration::from_secs(5);
/// A response up to this size, in bytes, releases its permit at once: the socket buffer takes all
/// of it.
const SMALL_BYTES: u64 = 64 << 10;

/// The permits of large responses.
#[derive(Debug, Clone)]
pub(crate) struct ResponseLimit {
    permits: Arc<Semaphore>,
}

impl Default for ResponseLimit {
    fn default() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(MAX_RESPONSES)),
        }
    }
}

/// A piece of a response and the permit that it holds.
struct Held {
    bytes: Bytes,
    _permit: Arc<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The body of a response. It holds a permit, as its pieces do.
struct HeldBody {
    body: Body,
    permit: Arc<OwnedSemaphorePermit>,
}

impl HttpBody for HeldBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        frame.map_ok(|frame| {
            frame.map_data(|bytes| {
                Bytes::from_owner(Held {
                    bytes,
                    _permit: Arc::clone(&self.permit),
                })
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Runs the request once there is a permit. The response then holds the permit.
///
/// # Errors
/// A problem with `Retry-After` if no permit is free within 5 s.
pub(crate) async fn hold(
    State(limit): State<ResponseLimit>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let permit = timeout(TIMEOUT, limit.permits.acquire_owned()).await;
    // The semaphore is never closed.
    let Ok(Ok(permit)) = permit else {
        return Err(busy());
    };
    Ok(with_permit(next.run(request).await, permit))
}

fn busy() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "Too many large responses",
        "the limit of concurrent large responses is reached; read the open ones to their end, or \
         try again shortly",
    )
    .retry_after(RETRY)
}

/// Attaches the permit to each piece: a connection takes a piece from the body long before it has
/// sent it.
fn with_permit(response: Response, permit: OwnedSemaphorePermit) -> Response {
    let upper = response.body().size_hint().upper();
    if upper.is_some_and(|bytes| bytes <= SMALL_BYTES) {
        return response;
    }
    let permit = Arc::new(permit);
    response.map(|body| Body::new(HeldBody { body, permit }))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use http_body_util::BodyExt as _;

    use super::*;

    fn answer(bytes: usize) -> (Response, Arc<Semaphore>) {
        let permits = Arc::new(Semaphore::new(1));
        let permit = Arc::clone(&permits).try_acquire_owned().expect("a permit");
        let response = vec![b'x'; bytes].into_response();
        (with_permit(response, permit), permits)
    }

    #[tokio::test]
    async fn a_large_response_holds_its_permit_until_its_bytes_are_dropped() {
        let (response, permits) = answer(1 << 20);
        let size = response.body().size_hint().exact();
        assert_eq!(size, Some(1 << 20), "the response has its length");
        let mut body = response.into_body();
        let frame = body.frame().await.expect("one").expect("whole");
        drop(body);
        assert_eq!(
            permits.available_permits(),
            0,
            "the connection has it still"
        );
        drop(frame);
        assert_eq!(permits.available_permits(), 1);
    }

    #[tokio::test]
    async fn dropped_and_small_responses_release_their_permits() {
        let (response, permits) = answer(1 << 20);
        drop(response);
        assert_eq!(permits.available_permits(), 1);
        let (_response, permits) = answer(1 << 10);
        assert_eq!(permits.available_permits(), 1);
    }
}
