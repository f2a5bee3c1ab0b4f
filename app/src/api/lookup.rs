//! The server function that looks up a reference.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use throughline_model::{Lookup, PageRequest};

use super::{ApiError, Dated};

/// Finds the traces that match a reference.
#[server(name = LookUp, prefix = "/api/panel", endpoint = "look_up", input = Json)]
pub async fn look_up(
    /// The reference, as it was typed.
    text: String,
    /// The requested page of the matching traces.
    page: PageRequest,
) -> Result<Dated<Lookup>, ApiError> {
    let panel = super::error::panel()?;
    let reference = throughline_model::Reference::parse(&text)
        .map_err(throughline_model::ReadError::Invalid)?;
    let value = panel.reader.lookup(&reference, page).await?;
    Ok(Dated {
        now: (panel.clock.0)(),
        value,
    })
}
