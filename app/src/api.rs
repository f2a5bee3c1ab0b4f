//! Server functions. On the server each one is a single call to a service of the `PanelContext`. In
//! the browser it is an HTTP call to that function.

pub mod error;
pub mod events;
pub mod lookup;
pub mod pins;
pub mod server;
pub mod storage;
pub mod traces;

use serde::{Deserialize, Serialize};
use throughline_wire::UnixNanos;

pub use error::ApiError;
pub use events::{get_event_payload, list_events, list_span_events};
pub use lookup::look_up;
pub use pins::{get_pin, pin_trace, unpin_trace};
pub use server::describe_server;
pub use storage::get_storage;
pub use traces::{
    get_span_details, get_span_payload, get_trace_skeleton, get_trace_statistics, list_services,
    list_traces,
};

/// A result and the server time at which it was read. Pages use no other clock, so that server and
/// browser render the same text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dated<T> {
    /// The server time of the read.
    #[serde(rename = "now_ns")]
    pub now: UnixNanos,
    /// The result.
    pub value: T,
}
