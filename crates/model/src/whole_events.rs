//! Log records and events as they were sent, for exports.

use serde::{Deserialize, Serialize};
use throughline_wire::{InstrumentationScope, LogRecord, Resource, TraceId};

use crate::{EventCursor, TimeRange};

/// Whose events are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventsOf {
    /// Those of a trace, stored or not.
    Trace(TraceId),
    /// Those that belong to no stored trace.
    NoTrace {
        /// When they happened.
        range: TimeRange,
        /// The service that sent them, exactly.
        service: Option<String>,
    },
}

/// A page of events with everything that was sent, oldest first, large values in their places.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WholeEvents {
    /// The senders; [`WholeEvent::resource`] is an index into them.
    pub resources: Vec<Resource>,
    /// The libraries; [`WholeEvent::scope`] is an index into them.
    pub scopes: Vec<InstrumentationScope>,
    /// The events: a page may have none and not be the last.
    pub events: Vec<WholeEvent>,
    /// Where the next page begins; none on the last.
    pub after: Option<EventCursor>,
}

/// An event of [`WholeEvents`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WholeEvent {
    /// The event, complete.
    pub record: LogRecord,
    /// Who sent it: an index into [`WholeEvents::resources`].
    pub resource: u32,
    /// The library that made it: an index into [`WholeEvents::scopes`].
    pub scope: u32,
}
