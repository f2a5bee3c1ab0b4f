//! The pipeline from a request to the store: limit, decompress, decode, validate, submit, account,
//! respond.

#[cfg(test)]
mod tests;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::Response;
use throughline_store::{WriteBatch, WriteOutcome};
use throughline_wire::{Limits, TenantId, UnixNanos};

use super::Ingest;
use super::account::{Items, Outcome, count, count_fault};
use super::body::{Encoding, ReadBody, read_as_sent};
use super::fault::Fault;

/// A protocol that receives spans and log records. It holds all that differs between protocols.
pub(super) trait Receiver: Copy + Send + 'static {
    /// The label `receiver` of its metrics.
    const NAME: &'static str;

    /// Returns the encoding of the body.
    ///
    /// # Errors
    /// The request is of another kind, or its encoding is unknown.
    fn encoding(self, headers: &HeaderMap) -> Result<Encoding, Fault>;

    /// Extracts the message from the frame of the protocol, and returns its encoding.
    ///
    /// # Errors
    /// The frame is damaged.
    fn unframe(self, body: ReadBody, encoding: Encoding) -> Result<(ReadBody, Encoding), Fault> {
        Ok((body, encoding))
    }

    /// Decodes and validates a body.
    ///
    /// # Errors
    /// The whole body is invalid.
    fn decode(self, body: &[u8], limits: &Limits, now: UnixNanos) -> Result<Items, Fault>;

    /// Responds to a request whose items are committed, or rejected one by one, at `now`.
    fn accept(self, outcome: Outcome, now: UnixNanos) -> Response;

    /// Responds to a request that was refused as a whole.
    fn refuse(self, fault: &Fault) -> Response;
}

/// Receives a request: stores its items, counts it, and responds once it is committed.
pub(super) async fn run<R: Receiver>(
    receiver: R,
    ingest: &Ingest,
    headers: &HeaderMap,
    body: Body,
) -> Response {
    match store(receiver, ingest, headers, body).await {
        Ok(outcome) => {
            count(R::NAME, &outcome);
            receiver.accept(outcome, ingest.inner.clock.now())
        }
        Err(fault) => {
            count_fault(R::NAME, &fault);
            receiver.refuse(&fault)
        }
    }
}

async fn store<R: Receiver>(
    receiver: R,
    ingest: &Ingest,
    headers: &HeaderMap,
    body: Body,
) -> Result<Outcome, Fault> {
    let inner = &ingest.inner;
    let encoding = receiver.encoding(headers)?;
    let sent = read_as_sent(headers, body, &inner.bodies).await?;
    ingest.admit()?;
    let (message, encoding) = receiver.unframe(sent, encoding)?;
    let body = message.decompressed(encoding, &inner.bodies).await?;
    let (limits, now) = (inner.limits.clone(), inner.clock.now());
    let bytes = body.bytes.len();
    let work = move || {
        // Moves the whole body into the closure, so that its share of memory is released with it.
        let body = body;
        receiver.decode(&body.bytes, &limits, now)
    };
    let (items, permit) = ingest.decode(bytes, work).await?;
    let Items {
        groups,
        spans,
        starts,
        events,
        dropped,
    } = items?;
    let sequence = groups.iter().find_map(|group| group.sequence().cloned());
    let batch = WriteBatch {
        tenant: TenantId::DEFAULT,
        groups,
    };
    let outcome = inner.writer.submit_holding(batch, permit).await?;
    inner.drops.count(dropped, sequence.as_ref(), &outcome);
    let WriteOutcome {
        received,
        duplicate,
        rejected,
        rejected_starts,
        events: stored,
    } = outcome;
    Ok(Outcome {
        spans: spans.account(received, duplicate, rejected)?,
        rejected_starts: starts.with_refused(rejected_starts),
        events: events.account(stored.received, stored.duplicate, stored.rejected)?,
    })
}
