//! `POST /api/trace-log`: the native batch, JSON, plain, gzip or zstd.
//!
//! The browser helper sends across origins, at the end of a page by beacon, which may not ask a
//! preflight: so the body may also be declared `text/plain`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use throughline_codec::decode::{DecodeError, ValidBatch, decode_batch};
use throughline_store::{Sender, SpanGroup, WriteBatch};
use throughline_wire::Limits;
use throughline_wire::{BatchAnswer, Rejection, SpanBatch, TenantId, UnixNanos};

use super::answer::{Fault, Kept, add_refused, count, media_type};
use super::{Ingest, body};

const DOOR: &str = "native";

/// Headers that senders add.
pub(super) const HEADERS: &[&str] = &["x-throughline-key", "traceparent", "tracestate", "baggage"];

/// Stores a batch and answers once it is committed.
pub(super) async fn log_traces(
    State(ingest): State<Ingest>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match store(&ingest, &headers, body).await {
        Ok(answer) => {
            count(
                DOOR,
                Kept::Spans,
                answer.received,
                answer.duplicate,
                answer.rejected.len() as u64,
            );
            count(
                DOOR,
                Kept::Events,
                answer.received_events,
                answer.duplicate_events,
                answer.rejected_events.len() as u64,
            );
            Json(answer).into_response()
        }
        Err(fault) => fault.problem(DOOR),
    }
}

async fn store(ingest: &Ingest, headers: &HeaderMap, body: Body) -> Result<BatchAnswer, Fault> {
    let media_type = media_type(headers);
    if !matches!(media_type.as_str(), "application/json" | "text/plain") {
        return Err(Fault::content_type(
            &media_type,
            "application/json, text/plain",
        ));
    }
    let inner = &ingest.inner;
    let body = body::read(headers, body, &inner.bodies).await?;
    ingest.admit()?;
    let (limits, now) = (inner.limits.clone(), inner.clock.now());
    let bytes = body.bytes.len();
    let work = move || {
        // All of it, so that its share of memory goes when it does.
        let body = body;
        decode(&body.bytes, &limits, now)
    };
    let (decoded, turn) = ingest.decode(bytes, work).await?;
    let decoded = decoded.map_err(|error| Fault::undecodable(error.to_string()))?;
    let Decoded {
        valid,
        places,
        start_places,
        event_places,
    } = decoded;
    let ValidBatch {
        batch,
        mut rejected,
        rejected_sequences,
        mut rejected_starts,
        mut rejected_events,
    } = valid;
    if batch.sequence.is_none() {
        refuse_starts(batch.starts.len(), &mut rejected_starts);
    }
    note_clock(&batch, now);
    let (dropped, sequence) = (batch.dropped, batch.sequence.clone());
    let group = SpanGroup {
        resource: Arc::new(batch.resource),
        scope: Arc::new(batch.scope),
        spans: batch.spans,
        starts: batch.starts,
        events: batch.events,
        sender: (batch.sequence.is_some() || batch.clock.is_some()).then_some(Sender {
            sequence: batch.sequence,
            clock: batch.clock,
            rejected: rejected_sequences,
        }),
        ..SpanGroup::default()
    };
    let batch = WriteBatch {
        tenant: TenantId::DEFAULT,
        groups: vec![group],
    };
    let outcome = inner.writer.submit_holding(batch, turn).await?;
    inner.drops.count(dropped, sequence.as_ref(), &outcome);
    let events = outcome.events;
    add_refused(&mut rejected, outcome.rejected, &places);
    add_refused(&mut rejected_starts, outcome.rejected_starts, &start_places);
    add_refused(&mut rejected_events, events.rejected, &event_places);
    Ok(BatchAnswer {
        received: outcome.received,
        duplicate: outcome.duplicate,
        rejected,
        rejected_starts,
        received_events: events.received,
        duplicate_events: events.duplicate,
        rejected_events,
        server_time_ns: inner.clock.now(),
    })
}

/// What a body holds, with the place in it of every span, start and event that is left.
struct Decoded {
    valid: ValidBatch,
    places: Vec<usize>,
    start_places: Vec<usize>,
    event_places: Vec<usize>,
}

fn decode(body: &[u8], limits: &Limits, now: UnixNanos) -> Result<Decoded, DecodeError> {
    let decoded = decode_batch(body)?;
    let spans: Vec<usize> = decoded.spans.iter().map(|span| span.index).collect();
    let starts: Vec<usize> = decoded.starts.iter().map(|start| start.index).collect();
    let events: Vec<usize> = decoded.events.iter().map(|event| event.index).collect();
    let valid = decoded.validate(limits, now);
    Ok(Decoded {
        places: left(spans, &valid.rejected),
        start_places: left(starts, &valid.rejected_starts),
        event_places: left(events, &valid.rejected_events),
        valid,
    })
}

/// Those of `places` that are not among `rejected`, which is in order.
fn left(mut places: Vec<usize>, rejected: &[Rejection]) -> Vec<usize> {
    places.retain(|place| {
        rejected
            .binary_search_by_key(place, |rejection| rejection.index)
            .is_err()
    });
    places
}

/// Says of every start that it is of no use: of a process that does not say where it stands, nobody
/// could tell whether its spans still run.
fn refuse_starts(readable: usize, rejected: &mut Vec<Rejection>) {
    let sent = readable + rejected.len();
    *rejected = (0..sent)
        .map(|index| Rejection {
            index,
            reason: format!("starts[{index}]: the batch has no sequence"),
        })
        .collect();
}

/// How far a sender's clock is off, for `/metrics` (the way of the request included).
fn note_clock(batch: &SpanBatch, now: UnixNanos) {
    if let Some(clock) = batch.clock {
        let behind_seconds = now.since(clock.sent_at) as f64 / UnixNanos::PER_SECOND as f64;
        metrics::histogram!("throughline_client_clock_behind_seconds").record(behind_seconds);
    }
}
