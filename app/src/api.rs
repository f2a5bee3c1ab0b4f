//! Server functions: one line each over what the server lends; in the browser, calls to them.

pub mod error;
pub mod lookup;
pub mod pins;
pub mod server;
pub mod storage;
pub mod traces;

use serde::{Deserialize, Serialize};
use throughline_wire::UnixNanos;

pub use error::ApiError;
pub use lookup::look_up;
pub use pins::{get_pin, pin_trace, unpin_trace};
pub use server::describe_server;
pub use storage::get_storage;
pub use traces::{
    get_event_payload, get_span_details, get_span_payload, get_trace_skeleton,
    get_trace_statistics, list_services, list_span_events, list_traces,
};

/// An answer and when it was given, by the server's clock: the only `now` a page knows, so that
/// both sides render the same words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dated<T> {
    /// When it was read.
    #[serde(rename = "now_ns")]
    pub now: UnixNanos,
    /// What was read.
    pub value: T,
}
