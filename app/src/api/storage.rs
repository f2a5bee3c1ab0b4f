//! Reading what the database takes.

use leptos::prelude::*;
use throughline_model::StorageReport;

use super::ApiError;

/// What the database takes, by table, operation and attribute.
#[server(name = GetStorage, prefix = "/api/panel", endpoint = "storage")]
pub async fn get_storage() -> Result<StorageReport, ApiError> {
    Ok(super::error::panel()?.retention_admin.storage().await?)
}
