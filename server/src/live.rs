//! `GET /api/admin/live`: traces as they are committed, as server-sent events.
//!
//! Events: `listening` (the stream has every commit from now on; the list has the earlier ones),
//! `traces` ([`LiveTraces`]), `lag` ([`LiveLag`]: traces that were left
//! out), `reconnecting` (the server cannot connect to the database). If a stream ends, the client
//! opens a new one after the delay in `retry`.

use std::collections::{HashMap, VecDeque};
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
use throughline_model::{
    LagReason, LiveEvent, LiveFeed, LiveLag, LiveSubscription, LiveTraces, TraceReader,
    TraceSummary,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

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

/// The pause between two searches for one subscriber whose filter is about spans. Traces that are
/// committed meanwhile are searched together.
const SEARCH_PAUSE: Duration = Duration::from_millis(500);
/// The number of traces from which a search does not wait for more.
const MAX_SEARCHED: usize = 2_500;

/// The state of the live view.
#[derive(Clone)]
pub struct Live {
    feed: Arc<dyn LiveFeed>,
    reader: Arc<dyn TraceReader>,
    clock: Clock,
    stopping: watch::Receiver<bool>,
    permits: Arc<Semaphore>,
}

impl Live {
    /// Creates the live view of `feed`. `reader` evaluates filters on spans. The streams end once
    /// `stopping` is true.
    pub fn new(
        feed: Arc<dyn LiveFeed>,
        reader: Arc<dyn TraceReader>,
        clock: Clock,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self {
            feed,
            reader,
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
        reader: live.reader,
        request,
        waiting: VecDeque::new(),
        next_search: Instant::now(),
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
    reader: Arc<dyn TraceReader>,
    request: LiveRequest,
    clock: Clock,
    stopping: watch::Receiver<bool>,
    /// Events to send before the next ones of the subscription.
    waiting: VecDeque<LiveEvent>,
    /// The earliest time of the next search.
    next_search: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Subscriber {
    /// Waits for the next event that passes the filter; `None` once the stream must end.
    async fn next(&mut self) -> Option<Event> {
        let stopping = self.stopping.clone();
        let is_stopping = async move {
            let mut stopping = stopping;
            let _ = stopping.wait_for(|stopping| *stopping).await;
        };
        tokio::select! {
            event = self.next_selected() => event,
            () = is_stopping => None,
        }
    }

    async fn next_selected(&mut self) -> Option<Event> {
        loop {
            let event = match self.waiting.pop_front() {
                Some(event) => event,
                None => self.subscription.next().await?,
            };
            let event = match event {
                LiveEvent::Listening => Ok(Event::default().event("listening").data("{}")),
                LiveEvent::Reconnecting => Ok(Event::default().event("reconnecting").data("{}")),
                LiveEvent::Lag(lag) => Event::default().event("lag").json_data(lag),
                LiveEvent::Traces(traces) => {
                    let Some(traces) = self.select(traces).await else {
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

    /// Returns the newest traces of the subscription; `None` if there are none.
    async fn select(&mut self, traces: Arc<[TraceSummary]>) -> Option<LiveTraces> {
        let (filter, now) = match &self.request.scope {
            SubscriptionScope::Trace(id) => {
                let of_trace = traces.iter().filter(|trace| trace.trace_id == *id);
                return self.newest(of_trace.cloned().collect());
            }
            SubscriptionScope::Filtered(filter) => (filter.clone(), self.clock.now()),
        };
        let is_possible = |trace: &TraceSummary| filter.selects_summary(trace, now);
        if filter.is_of_summary() {
            let selected = traces.iter().filter(|trace| is_possible(trace));
            return self.newest(selected.cloned().collect());
        }
        let mut traces = self.collect(traces).await;
        traces.retain(is_possible);
        if traces.is_empty() {
            return None;
        }
        let selected = self.reader.select_traces(&filter, &traces).await;
        self.next_search = Instant::now() + SEARCH_PAUSE;
        // Some of these may not be of the subscription: nobody knows.
        let missed = traces.len() as u64;
        let lag = |reason| LiveEvent::Lag(LiveLag { missed, reason });
        match selected {
            Ok(selected) => {
                if selected.is_cut {
                    self.waiting.push_front(lag(LagReason::Slow));
                }
                self.newest(selected.traces)
            }
            Err(error) => {
                tracing::debug!(%error, "cannot search the traces of a live view");
                self.waiting.push_front(lag(LagReason::Unreadable));
                None
            }
        }
    }

    /// Waits until the next search may run, and adds the traces that arrive until then. A trace that
    /// changes several times is searched once, in its last state.
    async fn collect(&mut self, first: Arc<[TraceSummary]>) -> Vec<TraceSummary> {
        let mut traces: HashMap<_, _> = HashMap::new();
        let mut add = |more: &[TraceSummary]| {
            traces.extend(more.iter().map(|trace| (trace.trace_id, trace.clone())));
            traces.len() < MAX_SEARCHED
        };
        let mut has_space = add(&first);
        while has_space && Instant::now() < self.next_search {
            let event = tokio::select! {
                event = self.subscription.next() => event,
                () = tokio::time::sleep_until(self.next_search) => break,
            };
            match event {
                Some(LiveEvent::Traces(more)) => has_space = add(&more),
                other => {
                    self.waiting.extend(other);
                    break;
                }
            }
        }
        traces.into_values().collect()
    }

    /// Returns the newest of these traces within the limit; `None` if there are none.
    fn newest(&self, mut traces: Vec<TraceSummary>) -> Option<LiveTraces> {
        let more = traces.len().saturating_sub(self.request.limit) as u64;
        traces.truncate(self.request.limit);
        let now = self.clock.now();
        (!traces.is_empty()).then_some(LiveTraces { now, traces, more })
    }
}
