//! Reading traces from a page.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use throughline_model::{
    EventCursor, EventPage, Page, PageRequest, Payload, SpanDetails, TraceFilter, TraceSkeleton,
    TraceStatistics, TraceSummary,
};
use throughline_wire::{SpanId, TraceId};

use super::{ApiError, Dated};

/// One page of the traces a filter selects, newest first.
#[server(name = ListTraces, prefix = "/api/panel", endpoint = "list_traces", input = Json)]
pub async fn list_traces(
    /// Which traces.
    filter: TraceFilter,
    /// Which page of them.
    page: PageRequest,
) -> Result<Dated<Page<TraceSummary>>, ApiError> {
    let panel = super::error::panel()?;
    let value = panel.reader.list_traces(&filter, page).await?;
    Ok(Dated {
        now: (panel.clock.0)(),
        value,
    })
}

/// Figures over all the traces a filter selects.
#[server(name = GetTraceStatistics, prefix = "/api/panel", endpoint = "trace_statistics", input = Json)]
pub async fn get_trace_statistics(
    /// Which traces.
    filter: TraceFilter,
) -> Result<Dated<TraceStatistics>, ApiError> {
    let panel = super::error::panel()?;
    let value = panel.reader.trace_statistics(&filter).await?;
    Ok(Dated {
        now: (panel.clock.0)(),
        value,
    })
}

/// What a waterfall needs of one trace; none when there is no such trace.
#[server(name = GetTraceSkeleton, prefix = "/api/panel", endpoint = "trace_skeleton", input = Json)]
pub async fn get_trace_skeleton(
    /// Which trace.
    trace_id: TraceId,
) -> Result<Dated<Option<TraceSkeleton>>, ApiError> {
    let panel = super::error::panel()?;
    let value = panel.reader.trace_skeleton(trace_id).await?;
    Ok(Dated {
        now: (panel.clock.0)(),
        value,
    })
}

/// Everything known of the spans with this id.
#[server(name = GetSpanDetails, prefix = "/api/panel", endpoint = "span_details", input = Json)]
pub async fn get_span_details(
    /// Of which trace.
    trace_id: TraceId,
    /// Which id.
    span_id: SpanId,
) -> Result<Vec<SpanDetails>, ApiError> {
    Ok(super::error::panel()?
        .reader
        .span_details(trace_id, span_id)
        .await?)
}

/// A large value of a span, whole; none when it is kept no longer.
#[server(name = GetSpanPayload, prefix = "/api/panel", endpoint = "span_payload", input = Json)]
pub async fn get_span_payload(
    /// Of which trace.
    trace_id: TraceId,
    /// Of which span.
    span_id: SpanId,
    /// Which value, by its hash.
    hash: String,
) -> Result<Option<Payload>, ApiError> {
    Ok(super::error::panel()?
        .reader
        .span_payload(trace_id, span_id, &hash)
        .await?)
}

/// A large value of a log record or event, whole; none when it is kept no longer.
#[server(name = GetEventPayload, prefix = "/api/panel", endpoint = "event_payload", input = Json)]
pub async fn get_event_payload(
    /// Of which event.
    event: EventCursor,
    /// Which value, by its hash.
    hash: String,
) -> Result<Option<Payload>, ApiError> {
    Ok(super::error::panel()?
        .reader
        .event_payload(event, &hash)
        .await?)
}

/// The newest log records and events of a span.
#[server(name = ListSpanEvents, prefix = "/api/panel", endpoint = "span_events", input = Json)]
pub async fn list_span_events(
    /// Of which trace.
    trace_id: TraceId,
    /// Of which span.
    span_id: SpanId,
) -> Result<EventPage, ApiError> {
    let filter = throughline_model::EventFilter::of_span(trace_id, span_id);
    Ok(super::error::panel()?
        .reader
        .list_events(&filter, throughline_model::EventPageRequest::default())
        .await?)
}

/// The names of all known services.
#[server(name = ListServices, prefix = "/api/panel", endpoint = "list_services")]
pub async fn list_services() -> Result<Vec<String>, ApiError> {
    Ok(super::error::panel()?.reader.list_services().await?)
}
