//! Pinning a trace from a page.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use throughline_model::Pin;
use throughline_wire::TraceId;

use super::ApiError;

/// Keeps a trace for ever, or changes the note of its pin.
#[server(name = PinTrace, prefix = "/api/panel", endpoint = "pin_trace", input = Json)]
pub async fn pin_trace(
    /// Which trace.
    trace_id: TraceId,
    /// Why, in somebody's words; may be empty.
    note: String,
) -> Result<Pin, ApiError> {
    let retention_admin = super::error::panel()?.retention_admin;
    let note = Pin::note(&note).map_err(throughline_model::ReadError::Invalid)?;
    retention_admin.pin(trace_id, note).await?.ok_or_else(|| {
        let gone = format!("trace {trace_id} is kept no longer");
        throughline_model::ReadError::Invalid(gone).into()
    })
}

/// Leaves a trace to the rules again.
#[server(name = UnpinTrace, prefix = "/api/panel", endpoint = "unpin_trace", input = Json)]
pub async fn unpin_trace(
    /// Which trace.
    trace_id: TraceId,
) -> Result<(), ApiError> {
    // That it was not pinned any more is what was wanted.
    super::error::panel()?
        .retention_admin
        .unpin(trace_id)
        .await?;
    Ok(())
}

/// The pin of a trace; none when it is not pinned.
#[server(name = GetPin, prefix = "/api/panel", endpoint = "pin", input = Json)]
pub async fn get_pin(
    /// Which trace.
    trace_id: TraceId,
) -> Result<Option<Pin>, ApiError> {
    Ok(super::error::panel()?
        .retention_admin
        .pin_of(trace_id)
        .await?)
}
