//! The server function that reads the storage report.

use leptos::prelude::*;
use throughline_model::StorageReport;

use super::ApiError;

/// Returns the size of the database by table, operation and attribute.
#[server(name = GetStorage, prefix = "/api/panel", endpoint = "storage")]
pub async fn get_storage() -> Result<StorageReport, ApiError> {
    Ok(super::error::panel()?.retention_admin.storage().await?)
}
