//! A trace as one document of OTLP JSON, in the form of `throughline export`, sent as it is written.

use std::io;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures::SinkExt as _;
use futures::channel::mpsc;
use throughline_model::{EventsOf, ReadError, Trace};

use super::Reader;
use crate::export::{Layout, Writer, log_requests, span_requests};

/// Pieces that wait for the reader: each holds one request of a few megabytes.
const WAITING: usize = 1;

/// Why the answer breaks off; the connection is closed then, so that nobody takes it for whole.
#[derive(Debug, thiserror::Error)]
enum BrokenOff {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] io::Error),
    /// Retention or a clean-up took the trace between two pages.
    #[error("the trace was removed while it was read")]
    Removed,
    /// The client reads no more.
    #[error("the reader is gone")]
    Gone(#[from] mpsc::SendError),
}

type Pieces = mpsc::Sender<Result<Vec<u8>, BrokenOff>>;

/// The trace with its log records.
pub(super) fn answer(reader: Reader, trace: Trace) -> Response {
    let (mut pieces, body) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        if let Err(error) = write(&reader, trace, &mut pieces).await {
            // Nobody hears it where the reader is gone.
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
