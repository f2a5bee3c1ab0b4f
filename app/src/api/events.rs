//! The server functions that read log records and domain events.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use throughline_model::{EventCursor, EventFilter, EventPage, EventPageRequest, Payload};
use throughline_wire::{SpanId, TraceId};

use super::ApiError;

/// Returns one page of the records that match a filter, newest first.
#[server(name = ListEvents, prefix = "/api/panel", endpoint = "list_events", input = Json)]
pub async fn list_events(
    /// The filter.
    filter: EventFilter,
    /// The requested page.
    page: EventPageRequest,
) -> Result<EventPage, ApiError> {
    let panel = super::error::panel()?;
    Ok(panel.reader.list_events(&filter, page).await?)
}

/// Returns an offloaded payload of a log record or event, whole. `None` if it is no longer stored.
#[server(name = GetEventPayload, prefix = "/api/panel", endpoint = "event_payload", input = Json)]
pub async fn get_event_payload(
    /// The event.
    event: EventCursor,
    /// The hash of the payload, as text.
    hash: String,
) -> Result<Option<Payload>, ApiError> {
    Ok(super::error::panel()?
        .reader
        .event_payload(event, &hash)
        .await?)
}

/// Returns the newest log records and events of a span.
#[server(name = ListSpanEvents, prefix = "/api/panel", endpoint = "span_events", input = Json)]
pub async fn list_span_events(
    /// The trace.
    trace_id: TraceId,
    /// The span.
    span_id: SpanId,
) -> Result<EventPage, ApiError> {
    let filter = EventFilter::of_span(trace_id, span_id);
    Ok(super::error::panel()?
        .reader
        .list_events(&filter, EventPageRequest::default())
        .await?)
}
