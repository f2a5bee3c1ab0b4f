//! What the server lends the panel, so that the panel needs to know no server.

use std::sync::Arc;

use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use throughline_model::{RetentionAdmin, TraceReader};
use throughline_wire::UnixNanos;

/// Everything the panel takes from its server; provided to page routes and to the handler of
/// server functions alike. The browser has none of it.
#[derive(Clone)]
pub struct PanelContext {
    /// Reads the traces of the tenant who asks.
    pub reader: Arc<dyn TraceReader>,
    /// Keeps the traces of the tenant who asks, and lets them go.
    pub retention_admin: Arc<dyn RetentionAdmin>,
    /// What time it is.
    pub clock: Clock,
    /// Sets the status of the HTTP response under way.
    pub set_status: SetStatus,
    /// Where this server is reached.
    pub server: ServerInfo,
}

impl PanelContext {
    /// Puts it into the context of the request under way.
    pub fn provide(self) {
        provide_context(self);
    }
}

/// Tells the time.
#[derive(Clone)]
pub struct Clock(pub Arc<dyn Fn() -> UnixNanos + Send + Sync>);

/// Sets the HTTP status of the response that is being made.
#[derive(Clone)]
pub struct SetStatus(pub Arc<dyn Fn(u16) + Send + Sync>);

/// Where senders reach this server: shown to those who have not sent anything yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerInfo {
    /// Origin of the panel and of native ingest: `http://127.0.0.1:3000`.
    pub endpoint: String,
    /// Origin of OTLP/HTTP: `http://127.0.0.1:4318`.
    pub otlp_endpoint: String,
    /// Origin of OTLP/gRPC, where it is on: `http://127.0.0.1:4317`.
    pub otlp_grpc_endpoint: Option<String>,
    /// Where Zipkin's JSON goes, where it is taken: `http://127.0.0.1:3000/api/v2/spans`.
    pub zipkin_endpoint: Option<String>,
}

/// Asks the panel to trace itself and to send its spans to this origin. Provided beside
/// [`PanelContext`] by a server that wants it; off without it, because a panel that traces itself
/// fills the lists it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfTrace(pub String);

/// Sets the status of the response under way; in the browser there is none and nothing happens.
pub fn set_status(status: u16) {
    if let Some(context) = use_context::<PanelContext>() {
        (context.set_status.0)(status);
    }
}
