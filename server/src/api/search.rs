//! The route that resolves a reference to traces.

use axum::Json;
use axum::extract::{RawQuery, State};
use throughline_model::{Lookup, PageRequest, Parameters, Reference};

use super::Reader;
use super::query::decode;
use crate::problem::Problem;

/// `GET /api/admin/search?q=`: returns the matches of a trace id, a span id, a `traceparent`, a
/// session or the value of an indexed attribute. A search without a match is also a success: the
/// response lists where it searched. `after` continues a search that stopped early.
pub(super) async fn search(
    State(reader): State<Reader>,
    query: RawQuery,
) -> Result<Json<Lookup>, Problem> {
    let (reference, page) = decode(&query, |parameters| {
        (reference(parameters), PageRequest::decode(parameters))
    })?;
    match reference {
        Some(reference) => Ok(Json(reader.lookup(&reference, page).await?)),
        // Not reached: a missing reference is a fault.
        None => Err(Problem::bad_request("q: is missing")),
    }
}

fn reference(parameters: &mut Parameters<'_>) -> Option<Reference> {
    let reference = Reference::decode(parameters);
    if !parameters.has("q") {
        parameters.fault("q", "is missing: there is nothing to look for");
    }
    reference
}
