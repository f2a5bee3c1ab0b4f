//! The headers that carry a trace from one process to the next: W3C Trace Context level 2 and W3C
//! Baggage.
//!
//! ```
//! use throughline_wire::w3c::{TraceParent, TraceState};
//! let parent: TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse()?;
//! assert!(parent.flags.is_sampled());
//! let state = TraceState::from_headers(["congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7"])?;
//! assert_eq!(state.to_string(), "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod baggage;
mod traceparent;
mod tracestate;

#[cfg(test)]
mod suite;

pub use baggage::{Baggage, BaggageMember};
pub use traceparent::{TraceFlags, TraceParent, TraceParentError};
pub use tracestate::{TraceState, TraceStateError};

/// The names of the headers.
pub mod header {
    /// The name of the header that carries [`super::TraceParent`].
    pub const TRACEPARENT: &str = "traceparent";
    /// The name of the header that carries [`super::TraceState`].
    pub const TRACESTATE: &str = "tracestate";
    /// The name of the header that carries [`super::Baggage`].
    pub const BAGGAGE: &str = "baggage";
}

/// Returns true for optional white space around members of a header (RFC 9110, 5.6.3).
const fn is_ows(character: char) -> bool {
    matches!(character, ' ' | '\t')
}
