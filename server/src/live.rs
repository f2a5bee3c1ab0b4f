//! `GET /api/admin/live`: traces as they are committed, as server-sent events.
//!
//! Events: `listening` (the stream has every commit from now on; the list has the earlier ones),
//! `traces` ([`LiveTraces`]), `lag` ([`LiveLag`](throughline_model::LiveLag): traces that were left
//! out), `reconnecting` (the server cannot connect to the database). If a stream ends, the client
//! opens a new one after the delay in `retry`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use futures::stream;
use throughline_model::{LiveEvent, LiveFeed, LiveSubscription, LiveTraces, TraceSummary};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::clock::Clock;
use crate::problem::Problem;

mod request;

use request::{LiveRequest, SubscriptionScope};

/// The maximum number of subscribers of a server. One more gets 503 and retries later.
const MAX_VIEWS: usize = 100;
/// How long a browser waits before it opens an ended stream again.
const RETRY: Duration = Duration::from_secs(2);
/// The interval of comments on an idle stream. They keep proxies from closing it, and detect a client
/// that is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The state of the live view.
#[derive(Clone)]
pub struct Live {
    feed: Arc<dyn LiveFeed>,
    clock: Clock,
    stopping: watch::Receiver<bool>,
    permits: Arc<Semaphore>,
}

impl Live {
    /// Creates the live view of `feed`. Its streams end once `stopping` is true.
    pub fn new(feed: Arc<dyn LiveFeed>, clock: Clock, stopping: watch::Receiver<bool>) -> Self {
        Self {
            feed,
            clock,
            stopping,
            permits: Arc::new(Semaphore::new(MAX_VIEWS)),
        }
    }

    /// Sets the maximum number of subscribers, for tests.
    #[must_use]
    pub fn with_max_views(mut self, permits: usize) -> Self {
        self.permits = Arc::new(Semaphore::new(permits));
        self
    }
}

/// The route of the live view.
pub fn routes(live: Live) -> Router {
    Router::new()
        .route("/api/admin/live", get(subscribe))
        .with_state(live)
}

async fn subscribe(State(live): State<Live>, query: RawQuery) -> Result<Response, Problem> {
    let request = LiveRequest::parse(&query)?;
    let permit = Arc::clone(&live.permits).try_acquire_owned();
    let permit = permit.map_err(|_| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Too many live views",
            "the limit of open live views is reached; close one, or try again later",
        )
        .retry_after(Duration::from_secs(10))
    })?;
    let subscriber = Subscriber {
        subscription: live.feed.subscribe(),
        request,
        clock: live.clock,
        stopping: live.stopping,
        _permit: permit,
    };
    // The stream holds the permit and releases it, however the stream ends.
    let first = Event::default().retry(RETRY).comment("open");
    let events = stream::unfold((subscriber, Some(first)), |(mut subscriber, first)| async {
        let event = match first {
            Some(first) => first,
            None => subscriber.next().await?,
        };
        Some((Ok::<_, Infallible>(event), (subscriber, None)))
    });
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE).text("keep-alive");
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    // A proxy that buffers responses would delay events.
    let value = axum::http::HeaderValue::from_static("no");
    response.headers_mut().insert("x-accel-buffering", value);
    Ok(response)
}

struct Subscriber {
    subscription: Box<dyn LiveSubscription>,
    request: LiveRequest,
    clock: Clock,
    stopping: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

impl Subscriber {
    /// Waits for the next event that passes the filter; `None` once the stream must end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let event = tokio::select! {
                event = self.subscription.next() => event?,
                _ = self.stopping.wait_for(|stopping| *stopping) => return None,
            };
            let event = match event {
                LiveEvent::Listening => Ok(Event::default().event("listening").data("{}")),
                LiveEvent::Reconnecting => Ok(Event::default().event("reconnecting").data("{}")),
                LiveEvent::Lag(lag) => Event::default().event("lag").json_data(lag),
                LiveEvent::Traces(traces) => {
                    let Some(traces) = self.select(&traces) else {
                        continue;
                    };
                    Event::default().event("traces").json_data(traces)
                }
            };
            match event {
                Ok(event) => return Some(event),
                Err(error) => tracing::error!(%error, "cannot serialize an event of the live view"),
            }
        }
    }

    fn select(&self, traces: &[TraceSummary]) -> Option<LiveTraces> {
        let LiveRequest { scope, limit } = &self.request;
        select(scope, *limit, traces, &self.clock)
    }
}

/// Returns the newest `limit` traces that pass the filter of the subscriber; `None` if none passes.
fn select(
    scope: &SubscriptionScope,
    limit: usize,
    traces: &[TraceSummary],
    clock: &Clock,
) -> Option<LiveTraces> {
    let now = clock.now();
    let mut selected = traces.iter().filter(|trace| scope.selects(trace, now));
    let traces: Vec<TraceSummary> = selected.by_ref().take(limit).cloned().collect();
    let more = selected.count() as u64;
    (!traces.is_empty()).then_some(LiveTraces { now, traces, more })
}
