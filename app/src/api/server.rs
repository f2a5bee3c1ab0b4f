//! What the panel's server says about itself.

use leptos::prelude::*;

use super::ApiError;
use crate::context::ServerInfo;

/// Where senders reach this server.
#[server(name = DescribeServer, prefix = "/api/panel", endpoint = "describe_server")]
pub async fn describe_server() -> Result<ServerInfo, ApiError> {
    // A server function is async on both sides, even where there is nothing to wait for.
    Ok(core::future::ready(super::error::panel()?.server).await)
}
