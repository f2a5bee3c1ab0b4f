//! One trace as an OTLP JSON document in the form of `throughline export`, streamed while it is
//! written.

use std::io;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures::SinkExt as _;
use futures::channel::mpsc;
use throughline_model::{EventsOf, ReadError, Trace};

use super::Reader;
use crate::export::{Layout, Writer, log_requests, span_requests};

/// The most pieces that wait for the client. Each holds one request of a few megabytes.
const WAITING: usize = 1;

/// The reasons why a response ends early. The server then closes the connection, so that no client
/// takes the response for complete.
#[derive(Debug, thiserror::Error)]
enum BrokenOff {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] io::Error),
    /// Retention or a clean-up removed the trace between two pages.
    #[error("the trace was removed during the response")]
    Removed,
    /// The client has stopped reading.
    #[error("the client stopped reading")]
    Gone(#[from] mpsc::SendError),
}

type Pieces = mpsc::Sender<Result<Vec<u8>, BrokenOff>>;

/// Returns a response with the trace and its log records.
pub(super) fn answer(reader: Reader, trace: Trace) -> Response {
    let (mut pieces, body) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        if let Err(error) = write(&reader, trace, &mut pieces).await {
            // This fails if the client has disconnected; then the error has no recipient.
            let _ = pieces.send(Err(error)).await;
        }
    });
    let json = [(header::CONTENT_TYPE, "application/json")];
    (json, Body::from_stream(body)).into_response()
}

async fn write(reader: &Reader, trace: Trace, pieces: &mut Pieces) -> Result<(), BrokenOff> {
    let of = EventsOf::Trace(trace.trace_id());
    let mut writer = Writer::new(Vec::new(), Layout::Document)?;
    let trace_id = trace.trace_id();
    let mut page = Some(trace);
    while let Some(trace) = page.take() {
        for request in span_requests(&trace) {
            writer.spans(&request)?;
            send(writer.get_mut(), pieces).await?;
        }
        if trace.after.is_some() {
            let after = trace.after;
            drop(trace);
            let next = reader.trace(trace_id, after).await?;
            page = Some(next.ok_or(BrokenOff::Removed)?);
        }
    }
    let mut after = None;
    loop {
        let page = reader.whole_events(&of, after).await?;
        for request in log_requests(&page) {
            writer.logs(&request)?;
            send(writer.get_mut(), pieces).await?;
        }
        after = page.after;
        if after.is_none() {
            return send(&mut writer.finish()?, pieces).await;
        }
    }
}

async fn send(written: &mut Vec<u8>, pieces: &mut Pieces) -> Result<(), BrokenOff> {
    Ok(pieces.send(Ok(core::mem::take(written))).await?)
}
