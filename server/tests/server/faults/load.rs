//! Senders that retry until they are acknowledged, and count what they sent.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::{Receiver, client, hex, span, text};

/// The receiver that the senders use. Its responses count received and duplicate spans.
const RECEIVER: Receiver = Receiver::Native;

/// The behaviour of a group of senders.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// The servers. The senders are distributed over them in turn.
    pub(super) bases: Vec<String>,
    /// The number of concurrent senders.
    pub(super) senders: usize,
    /// The spans of a batch, all of one trace.
    pub(super) spans: usize,
    /// The bytes of one attribute of each span.
    pub(super) padding: usize,
}

/// The counts of what was sent and how the servers responded.
#[derive(Debug, Default)]
pub(super) struct Load {
    stop: AtomicBool,
    /// The acknowledged batches.
    batches: AtomicU64,
    /// The acknowledged spans.
    pub(super) acknowledged: AtomicU64,
    /// The spans that responses reported as received.
    pub(super) received: AtomicU64,
    /// The spans that responses reported as duplicates.
    pub(super) duplicate: AtomicU64,
    /// The responses by status; 0 for no response.
    answers: Mutex<BTreeMap<u16, u64>>,
    /// The refusals without `Retry-After`.
    pub(super) without_retry_after: AtomicU64,
}

impl Load {
    /// Sends while `disturb` runs, then lets every sender finish its batch.
    pub(super) async fn during(plan: Plan, disturb: impl AsyncFnOnce(Arc<Self>)) -> Arc<Self> {
        let load = Arc::new(Self::default());
        let mut senders = JoinSet::new();
        for at in 0..plan.senders {
            let base = plan.bases[at % plan.bases.len()].clone();
            senders.spawn(Arc::clone(&load).send_until_stopped(base, plan.clone()));
        }
        disturb(Arc::clone(&load)).await;
        load.stop.store(true, Ordering::Relaxed);
        senders.join_all().await;
        load
    }

    async fn send_until_stopped(self: Arc<Self>, base: String, plan: Plan) {
        let client = client();
        while !self.stop.load(Ordering::Relaxed) {
            let mut spans: Vec<_> = (0..plan.spans).map(|_| span("work")).collect();
            let trace_id = spans[0].trace_id.clone();
            for span in &mut spans {
                span.trace_id.clone_from(&trace_id);
                if plan.padding > 0 {
                    span.attributes
                        .push(text("padding", &padding(plan.padding)));
                }
            }
            self.send_until_acknowledged(&client, &base, RECEIVER.body(&spans), plan.spans as u64)
                .await;
        }
    }

    async fn send_until_acknowledged(
        &self,
        client: &Client,
        base: &str,
        body: Vec<u8>,
        spans: u64,
    ) {
        for _ in 0..60_000 {
            let request = client
                .post(format!("{base}{}", RECEIVER.path()))
                .header("content-type", RECEIVER.content_type())
                .body(body.clone());
            let Ok(answer) = request.send().await else {
                self.note(0);
                sleep(Duration::from_millis(10)).await;
                continue;
            };
            let status = answer.status();
            self.note(status.as_u16());
            if status == StatusCode::OK {
                let Ok(answer) = answer.json::<Value>().await else {
                    // The response was cut off: the sender retries.
                    continue;
                };
                let count = |key: &str| answer[key].as_u64().expect("a count");
                self.received
                    .fetch_add(count("received"), Ordering::Relaxed);
                self.duplicate
                    .fetch_add(count("duplicate"), Ordering::Relaxed);
                self.acknowledged.fetch_add(spans, Ordering::Relaxed);
                self.batches.fetch_add(1, Ordering::Relaxed);
                return;
            }
            assert!(
                [
                    StatusCode::TOO_MANY_REQUESTS,
                    StatusCode::SERVICE_UNAVAILABLE
                ]
                .contains(&status),
                "only 200, 429 and 503 are answers to a sound batch: {status}"
            );
            if !answer.headers().contains_key("retry-after") {
                self.without_retry_after.fetch_add(1, Ordering::Relaxed);
            }
            // Much sooner than `Retry-After`: a sender that ignores it must do no harm.
            sleep(Duration::from_millis(20)).await;
        }
        panic!("a batch was not acknowledged in any reasonable time");
    }

    fn note(&self, status: u16) {
        *self.answers.lock().unwrap().entry(status).or_default() += 1;
    }

    /// Returns how many responses had this status.
    pub(super) fn answered(&self, status: StatusCode) -> u64 {
        let answers = self.answers.lock().unwrap();
        answers.get(&status.as_u16()).copied().unwrap_or_default()
    }

    /// Returns all responses as text.
    pub(super) fn answers(&self) -> String {
        format!("{:?}", self.answers.lock().unwrap())
    }

    /// Waits until `batches` more batches are acknowledged.
    pub(super) async fn wait_for_more(&self, batches: u64) {
        let before = self.batches.load(Ordering::Relaxed);
        for _ in 0..12_000 {
            if self.batches.load(Ordering::Relaxed) >= before + batches {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!(
            "{batches} more batches were not acknowledged in two minutes; answers: {}",
            self.answers()
        );
    }

    /// Waits for a response with this status.
    pub(super) async fn wait_for(&self, status: StatusCode) {
        let before = self.answered(status);
        for _ in 0..12_000 {
            if self.answered(status) > before {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!(
            "{status} was not answered in two minutes: {}",
            self.answers()
        );
    }
}

/// Returns text that compresses badly.
fn padding(len: usize) -> String {
    let mut text = String::with_capacity(len + 32);
    while text.len() < len {
        text.push_str(&hex(uuid::Uuid::new_v4().as_bytes()));
    }
    text.truncate(len);
    text
}
