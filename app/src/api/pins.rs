//! Pinning a trace from a page.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use throughline_wire::TraceId;

use super::ApiError;

/// Keeps a trace for ever, or leaves it to the rules again.
#[server(name = SetPinned, prefix = "/api/panel", endpoint = "set_pinned", input = Json)]
pub async fn set_pinned(
    /// Which trace.
    trace_id: TraceId,
    /// Whether it is to be kept.
    is_pinned: bool,
) -> Result<(), ApiError> {
    let keeper = super::error::panel()?.keeper;
    if !is_pinned {
        // That it was not pinned any more is what was wanted.
        keeper.unpin(trace_id).await?;
        return Ok(());
    }
    if keeper.pin(trace_id, String::new()).await?.is_none() {
        let gone = format!("trace {trace_id} is kept no longer");
        return Err(throughline_model::ReadError::Invalid(gone).into());
    }
    Ok(())
}
