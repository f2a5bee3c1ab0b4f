//! The server functions that pin and unpin a trace.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use throughline_model::Pin;
use throughline_wire::TraceId;

use super::ApiError;

/// Pins a trace, so that retention keeps it, or changes the note of its pin.
#[server(name = PinTrace, prefix = "/api/panel", endpoint = "pin_trace", input = Json)]
pub async fn pin_trace(
    /// The trace.
    trace_id: TraceId,
    /// The reason, as free text. May be empty.
    note: String,
) -> Result<Pin, ApiError> {
    let retention_admin = super::error::panel()?.retention_admin;
    let note = Pin::note(&note).map_err(throughline_model::ReadError::Invalid)?;
    retention_admin.pin(trace_id, note).await?.ok_or_else(|| {
        let gone = format!("trace {trace_id} is no longer stored");
        throughline_model::ReadError::Invalid(gone).into()
    })
}

/// Removes the pin of a trace. The retention rules apply again.
#[server(name = UnpinTrace, prefix = "/api/panel", endpoint = "unpin_trace", input = Json)]
pub async fn unpin_trace(
    /// The trace.
    trace_id: TraceId,
) -> Result<(), ApiError> {
    // A trace that was not pinned is no error: the result is the same.
    super::error::panel()?
        .retention_admin
        .unpin(trace_id)
        .await?;
    Ok(())
}

/// Returns the pin of a trace, or `None` if it is not pinned.
#[server(name = GetPin, prefix = "/api/panel", endpoint = "pin", input = Json)]
pub async fn get_pin(
    /// The trace.
    trace_id: TraceId,
) -> Result<Option<Pin>, ApiError> {
    Ok(super::error::panel()?
        .retention_admin
        .pin_of(trace_id)
        .await?)
}
