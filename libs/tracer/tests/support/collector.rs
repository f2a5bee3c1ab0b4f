//! A test collector with its own thread and port. It stores, rejects or delays batches.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use throughline::wire::{BatchAnswer, DropReason, Rejection, Span, SpanBatch};
use tokio::sync::{oneshot, watch};

/// The response of a collector to a batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Conduct {
    /// Stores the batch.
    Keep,
    /// Responds with this status.
    Refuse(u16),
    /// Responds with 413 to batches of more than this number of spans.
    Limit(usize),
    /// Stores the batch except for the first span, which it rejects.
    RejectFirst,
    /// Delays the response until the conduct changes.
    Hang,
}

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) batches: Vec<SpanBatch>,
    pub(crate) headers: Vec<HeaderMap>,
    /// The number of requests, stored or not.
    pub(crate) requests: usize,
}

struct Shared {
    conduct: watch::Receiver<Conduct>,
    seen: Mutex<Seen>,
}

pub(crate) struct Collector {
    address: SocketAddr,
    conduct: watch::Sender<Conduct>,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address"))
    }

    pub(crate) fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("an address");
        let (conduct, receiver) = watch::channel(Conduct::Keep);
        let shared = Arc::new(Shared {
            conduct: receiver,
            seen: Mutex::default(),
        });
        let router = Router::new()
            .route("/api/trace-log", post(ingest))
            .with_state(Arc::clone(&shared));
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            // The collector's own spans are not part of any test.
            let _quiet = tracing::subscriber::set_default(tracing::subscriber::NoSubscriber::new());
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
                tokio::select! {
                    served = axum::serve(listener, router).into_future() => {
                        served.expect("serves");
                    }
                    _ = stopped => {}
                }
            });
        });
        Self {
            address,
            conduct,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn behave(&self, conduct: Conduct) {
        self.conduct.send(conduct).expect("a collector");
    }

    pub(crate) fn see<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.shared.seen.lock().expect("unharmed"))
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.see(|seen| {
            seen.batches
                .iter()
                .flat_map(|batch| batch.spans.clone())
                .collect()
        })
    }

    /// Returns the number of spans that the batches reported as lost for `reason`.
    pub(crate) fn reported(&self, reason: DropReason) -> u64 {
        self.see(|seen| {
            let counts = seen
                .batches
                .iter()
                .filter_map(|batch| batch.dropped.get(&reason));
            counts.sum()
        })
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn ingest(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Json(mut batch): Json<SpanBatch>,
) -> Result<Json<BatchAnswer>, StatusCode> {
    shared.seen.lock().expect("unharmed").requests += 1;
    let mut conduct = shared.conduct.clone();
    let now = conduct.wait_for(|conduct| *conduct != Conduct::Hang).await;
    let now = now.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?.clone();
    let mut answer = BatchAnswer::default();
    match now {
        Conduct::Refuse(status) => {
            return Err(StatusCode::from_u16(status).expect("a status"));
        }
        Conduct::Limit(most) if batch.spans.len() > most => {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        Conduct::RejectFirst if !batch.spans.is_empty() => {
            batch.spans.remove(0);
            answer.rejected.push(Rejection {
                index: 0,
                reason: "not liked".to_owned(),
            });
        }
        _ => {}
    }
    answer.received = batch.spans.len() as u64;
    let mut seen = shared.seen.lock().expect("unharmed");
    seen.batches.push(batch);
    seen.headers.push(headers);
    Ok(Json(answer))
}
