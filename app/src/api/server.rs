//! The server function that describes the server.

use leptos::prelude::*;

use super::ApiError;
use crate::context::ServerInfo;

/// Returns the addresses to which senders post spans.
#[server(name = DescribeServer, prefix = "/api/panel", endpoint = "describe_server")]
pub async fn describe_server() -> Result<ServerInfo, ApiError> {
    // A server function is async on both sides, even if it awaits nothing.
    Ok(core::future::ready(super::error::panel()?.server).await)
}
