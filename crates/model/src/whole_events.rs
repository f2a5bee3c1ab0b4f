//! Log records and events as they were sent, for exports.

use serde::{Deserialize, Serialize};
use throughline_wire::{InstrumentationScope, LogRecord, Resource, TraceId};

use crate::{EventCursor, TimeRange};

/// The selection of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventsOf {
    /// The events of a trace, stored or not.
    Trace(TraceId),
    /// The events that belong to no stored trace.
    NoTrace {
        /// The time range of the events.
        range: TimeRange,
        /// The exact name of the service that sent them.
        service: Option<String>,
    },
}

/// A page of events as they were sent, with whole payloads, oldest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WholeEvents {
    /// The resources of the senders. [`WholeEvent::resource`] is an index into them.
    pub resources: Vec<Resource>,
    /// The instrumentation scopes. [`WholeEvent::scope`] is an index into them.
    pub scopes: Vec<InstrumentationScope>,
    /// The events. A page may be empty and not be the last one.
    pub events: Vec<WholeEvent>,
    /// The cursor of the next page; `None` on the last page.
    pub after: Option<EventCursor>,
}

/// An event of [`WholeEvents`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WholeEvent {
    /// The complete event.
    pub record: LogRecord,
    /// The sender: an index into [`WholeEvents::resources`].
    pub resource: u32,
    /// The instrumentation scope: an index into [`WholeEvents::scopes`].
    pub scope: u32,
}
