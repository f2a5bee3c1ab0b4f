//! Routes for rollups, pins, clean-up, and the storage report.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, put};
use axum::{Json, Router};
use serde::Deserialize;
use throughline_model::{
    CleanUp, Pin, RetentionAdmin, RetentionReport, RollupFilter, RollupReport, StorageReport,
};

use super::Reader;
use super::ids::trace_id;
use super::query::{decode, nothing};
use crate::problem::Problem;

/// The store operations that the routes use.
pub(crate) type SharedRetentionAdmin = Arc<dyn RetentionAdmin>;

/// Returns the routes that read.
pub(super) fn read_routes() -> Router<Reader> {
    Router::new().route("/api/admin/rollups", get(list_rollups))
}

/// Returns the routes that pin and remove traces.
pub(super) fn keep_routes(retention_admin: SharedRetentionAdmin) -> Router {
    Router::new()
        .route("/api/admin/pins", get(list_pins))
        .route(
            "/api/admin/traces/{trace_id}/pin",
            put(put_pin).delete(delete_pin),
        )
        .route("/api/admin/traces/cleanup", delete(clean_up))
        .route("/api/admin/storage", get(get_storage))
        .with_state(retention_admin)
}

/// `GET /api/admin/rollups`: returns counts and percentiles of spans by operation and time window.
async fn list_rollups(
    State(reader): State<Reader>,
    query: RawQuery,
) -> Result<Json<RollupReport>, Problem> {
    let filter = decode(&query, RollupFilter::decode)?;
    Ok(Json(reader.rollups(&filter).await?))
}

/// `GET /api/admin/pins`: returns the newest pins.
async fn list_pins(
    State(retention_admin): State<SharedRetentionAdmin>,
    query: RawQuery,
) -> Result<Json<Vec<Pin>>, Problem> {
    nothing(&query)?;
    Ok(Json(retention_admin.list_pins().await?))
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct PinBody {
    #[serde(default)]
    note: String,
}

/// `PUT /api/admin/traces/{trace_id}/pin`: pins the trace, so that retention never removes it. The
/// optional body is `{"note": "why"}`.
async fn put_pin(
    State(retention_admin): State<SharedRetentionAdmin>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Pin>, Problem> {
    let trace_id = trace_id(&id)?;
    let body: PinBody = if body.is_empty() {
        PinBody::default()
    } else {
        serde_json::from_slice(&body)
            .map_err(|error| Problem::bad_request(format!("invalid body: {error}")))?
    };
    let note = Pin::note(&body.note).map_err(Problem::bad_request)?;
    match retention_admin.pin(trace_id, note).await? {
        Some(pin) => Ok(Json(pin)),
        None => Err(Problem::not_found(format!("found no trace {trace_id}"))),
    }
}

/// `DELETE /api/admin/traces/{trace_id}/pin`: removes the pin, so that the retention rules apply
/// again.
async fn delete_pin(
    State(retention_admin): State<SharedRetentionAdmin>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let trace_id = trace_id(&id)?;
    if retention_admin.unpin(trace_id).await? {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(Problem::not_found(format!("{trace_id} is not pinned")))
    }
}

/// `DELETE /api/admin/traces/cleanup`: removes what has expired by the server's rules, or what is
/// older than `older_than`. With `dry_run=true` it only reports what it would remove.
async fn clean_up(
    State(retention_admin): State<SharedRetentionAdmin>,
    query: RawQuery,
) -> Result<Json<RetentionReport>, Problem> {
    let request = decode(&query, CleanUp::decode)?;
    Ok(Json(retention_admin.clean_up(request).await?))
}

/// `GET /api/admin/storage`: returns the size of the database, and how long the space will last.
async fn get_storage(
    State(retention_admin): State<SharedRetentionAdmin>,
    query: RawQuery,
) -> Result<Json<StorageReport>, Problem> {
    nothing(&query)?;
    Ok(Json(retention_admin.storage().await?))
}
