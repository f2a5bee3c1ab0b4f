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
const PLACES: usize = 5;
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
    places: Arc<Semaphore>,
}

impl Default for ResponseLimit {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(PLACES)),
        }
    }
}

/// A piece of a response and the permit that it holds.
struct Held {
    bytes: Bytes,
    _place: Arc<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The body of a response. It holds a permit, as its pieces do.
struct HeldBody {
    body: Body,
    place: Arc<OwnedSemaphorePermit>,
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
                    _place: Arc::clone(&self.place),
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
    State(answers): State<ResponseLimit>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let place = timeout(TIMEOUT, answers.places.acquire_owned()).await;
    // The semaphore is never closed.
    let Ok(Ok(place)) = place else {
        return Err(busy());
    };
    Ok(with_place(next.run(request).await, place))
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
fn with_place(response: Response, place: OwnedSemaphorePermit) -> Response {
    let upper = response.body().size_hint().upper();
    if upper.is_some_and(|bytes| bytes <= SMALL_BYTES) {
        return response;
    }
    let place = Arc::new(place);
    response.map(|body| Body::new(HeldBody { body, place }))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use http_body_util::BodyExt as _;

    use super::*;

    fn answer(bytes: usize) -> (Response, Arc<Semaphore>) {
        let places = Arc::new(Semaphore::new(1));
        let place = Arc::clone(&places).try_acquire_owned().expect("a place");
        let response = vec![b'x'; bytes].into_response();
        (with_place(response, place), places)
    }

    #[tokio::test]
    async fn a_large_answer_holds_its_place_until_its_bytes_are_dropped() {
        let (response, places) = answer(1 << 20);
        let size = response.body().size_hint().exact();
        assert_eq!(size, Some(1 << 20), "its length is still told");
        let mut body = response.into_body();
        let frame = body.frame().await.expect("one").expect("whole");
        drop(body);
        assert_eq!(places.available_permits(), 0, "the connection has it still");
        drop(frame);
        assert_eq!(places.available_permits(), 1);
    }

    #[tokio::test]
    async fn an_answer_nobody_takes_and_a_small_one_give_their_places_back() {
        let (response, places) = answer(1 << 20);
        drop(response);
        assert_eq!(places.available_permits(), 1);
        let (_response, places) = answer(1 << 10);
        assert_eq!(places.available_permits(), 1);
    }
}
