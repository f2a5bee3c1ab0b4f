//! `POST /api/trace-log`: the native batch as JSON, plain, gzip or zstd.
//!
//! The browser client sends across origins. At the end of a page it sends a beacon, which cannot
//! send a preflight request. So the body may also be declared as `text/plain`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use throughline_codec::decode::{ValidBatch, decode_batch};
use throughline_store::{Sender, SpanGroup};
use throughline_wire::{BatchAnswer, Limits, Rejection, SpanBatch, UnixNanos};

use super::Ingest;
use super::account::{Checked, Items, Outcome};
use super::body::Encoding;
use super::fault::{Fault, media_type};
use super::pipeline::{Receiver, run};

/// The headers that senders add.
pub(super) const HEADERS: &[&str] = &["x-throughline-key", "traceparent", "tracestate", "baggage"];

/// Stores a batch and responds once it is committed.
pub(super) async fn log_traces(
    State(ingest): State<Ingest>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    run(Native, &ingest, &headers, body).await
}

#[derive(Clone, Copy)]
pub(super) struct Native;

impl Receiver for Native {
    const NAME: &'static str = "native";

    fn encoding(self, headers: &HeaderMap) -> Result<Encoding, Fault> {
        let media_type = media_type(headers);
        if !matches!(media_type.as_str(), "application/json" | "text/plain") {
            let wanted = "application/json, text/plain";
            return Err(Fault::content_type(&media_type, wanted));
        }
        Ok(Encoding::of_content(headers)?)
    }

    fn decode(self, body: &[u8], limits: &Limits, now: UnixNanos) -> Result<Items, Fault> {
        let batch = decode_batch(body).map_err(|error| Fault::undecodable(error.to_string()))?;
        let ValidBatch {
            batch,
            indexes,
            rejected,
            rejected_sequences,
            start_places,
            mut rejected_starts,
            event_indexes,
            rejected_events,
        } = batch.validate(limits, now);
        if batch.sequence.is_none() {
            reject_starts(batch.starts.len(), &mut rejected_starts);
        }
        note_clock(&batch, now);
        Ok(Items {
            spans: Checked::new(indexes, rejected),
            starts: Checked::new(start_places, rejected_starts),
            events: Checked::new(event_indexes, rejected_events),
            dropped: batch.dropped.clone(),
            groups: vec![group(batch, rejected_sequences)],
        })
    }

    fn accept(self, outcome: Outcome, now: UnixNanos) -> Response {
        Json(BatchAnswer {
            received: outcome.spans.received,
            duplicate: outcome.spans.duplicate,
            rejected: outcome.spans.rejected,
            rejected_starts: outcome.rejected_starts,
            received_events: outcome.events.received,
            duplicate_events: outcome.events.duplicate,
            rejected_events: outcome.events.rejected,
            server_time_ns: now,
        })
        .into_response()
    }

    fn refuse(self, fault: &Fault) -> Response {
        fault.problem()
    }
}

/// Returns the batch as the writer takes it.
fn group(batch: SpanBatch, rejected: Vec<u64>) -> SpanGroup {
    let says_more = batch.sequence.is_some() || batch.clock.is_some();
    SpanGroup {
        resource: Arc::new(batch.resource),
        scope: Arc::new(batch.scope),
        spans: batch.spans,
        starts: batch.starts,
        events: batch.events,
        sender: says_more.then_some(Sender {
            sequence: batch.sequence,
            clock: batch.clock,
            rejected,
        }),
        ..SpanGroup::default()
    }
}

/// Rejects every start of a process that does not number its spans: no reader could tell whether
/// its spans still run.
fn reject_starts(readable: usize, rejected: &mut Vec<Rejection>) {
    let sent = readable + rejected.len();
    *rejected = (0..sent)
        .map(|index| Rejection {
            index,
            reason: format!("starts[{index}]: the batch has no sequence"),
        })
        .collect();
}

/// Records the clock offset of a sender for `/metrics`. It includes the transfer time of the
/// request.
fn note_clock(batch: &SpanBatch, now: UnixNanos) {
    if let Some(clock) = batch.clock {
        let behind_seconds = now.since(clock.sent_at) as f64 / UnixNanos::PER_SECOND as f64;
        metrics::histogram!("throughline_client_clock_behind_seconds").record(behind_seconds);
    }
}
