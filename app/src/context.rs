//! The services that the server provides to the panel, so that the panel depends on no server code.

use std::sync::Arc;

use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use throughline_model::{RetentionAdmin, TraceReader};
use throughline_wire::UnixNanos;

/// The services of the server. Page routes and the handler of server functions both provide them.
/// They do not exist in the browser.
#[derive(Clone)]
pub struct PanelContext {
    /// Reads the traces of the tenant of this request.
    pub reader: Arc<dyn TraceReader>,
    /// Pins and unpins the traces of the tenant of this request.
    pub retention_admin: Arc<dyn RetentionAdmin>,
    /// Returns the current time.
    pub clock: Clock,
    /// Sets the HTTP status of the current response.
    pub set_status: SetStatus,
    /// The addresses of this server.
    pub server: ServerInfo,
}

impl PanelContext {
    /// Provides the services to the context of the current request.
    pub fn provide(self) {
        provide_context(self);
    }
}

/// A source of the current time.
#[derive(Clone)]
pub struct Clock(pub Arc<dyn Fn() -> UnixNanos + Send + Sync>);

/// A callback that sets the HTTP status of the current response.
#[derive(Clone)]
pub struct SetStatus(pub Arc<dyn Fn(u16) + Send + Sync>);

/// The addresses to which senders post spans. They are shown while no span is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerInfo {
    /// The origin of the panel and of native ingest: `http://127.0.0.1:3000`.
    pub endpoint: String,
    /// The origin of OTLP/HTTP: `http://127.0.0.1:4318`.
    pub otlp_endpoint: String,
    /// The origin of OTLP/gRPC, if enabled: `http://127.0.0.1:4317`.
    pub otlp_grpc_endpoint: Option<String>,
    /// The URL of the Zipkin receiver, if enabled: `http://127.0.0.1:3000/api/v2/spans`.
    pub zipkin_endpoint: Option<String>,
}

/// The origin to which the panel sends its own spans. A server provides it next to [`PanelContext`]
/// to enable self-tracing. It is off by default, because a panel that traces itself fills the lists
/// that it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfTrace(pub String);

/// Sets the status of the current response. Does nothing in the browser.
pub fn set_status(status: u16) {
    if let Some(context) = use_context::<PanelContext>() {
        (context.set_status.0)(status);
    }
}
