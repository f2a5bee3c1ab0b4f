//! The server functions that read traces.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use throughline_model::{
    Page, PageRequest, Payload, ServiceList, SpansOfId, TraceFilter, TraceSkeleton,
    TraceStatistics, TraceSummary,
};
use throughline_wire::{SpanId, TraceId};

use super::{ApiError, Dated};

/// Returns one page of the traces that match a filter, newest first.
#[server(name = ListTraces, prefix = "/api/panel", endpoint = "list_traces", input = Json)]
pub async fn list_traces(
    /// The filter.
    filter: TraceFilter,
    /// The requested page.
    page: PageRequest,
) -> Result<Dated<Page<TraceSummary>>, ApiError> {
    let panel = super::error::panel()?;
    let value = panel.reader.list_traces(&filter, page).await?;
    Ok(Dated {
        now: (panel.clock.0)(),
        value,
    })
}

/// Returns statistics over all traces that match a filter.
#[server(name = GetTraceStatistics, prefix = "/api/panel", endpoint = "trace_statistics", input = Json)]
pub async fn get_trace_statistics(
    /// The filter.
    filter: TraceFilter,
) -> Result<Dated<TraceStatistics>, ApiError> {
    let panel = super::error::panel()?;
    let value = panel.reader.trace_statistics(&filter).await?;
    Ok(Dated {
        now: (panel.clock.0)(),
        value,
    })
}

/// Returns the data of a waterfall, or `None` if there is no such trace.
#[server(name = GetTraceSkeleton, prefix = "/api/panel", endpoint = "trace_skeleton", input = Json)]
pub async fn get_trace_skeleton(
    /// The trace.
    trace_id: TraceId,
) -> Result<Dated<Option<TraceSkeleton>>, ApiError> {
    let panel = super::error::panel()?;
    let value = panel.reader.trace_skeleton(trace_id).await?;
    Ok(Dated {
        now: (panel.clock.0)(),
        value,
    })
}

/// Returns the first stored spans with this id, in full.
#[server(name = GetSpanDetails, prefix = "/api/panel", endpoint = "span_details", input = Json)]
pub async fn get_span_details(
    /// The trace.
    trace_id: TraceId,
    /// The span id.
    span_id: SpanId,
) -> Result<SpansOfId, ApiError> {
    Ok(super::error::panel()?
        .reader
        .span_details(trace_id, span_id)
        .await?)
}

/// Returns an offloaded payload of a span, whole. `None` if it is no longer stored.
#[server(name = GetSpanPayload, prefix = "/api/panel", endpoint = "span_payload", input = Json)]
pub async fn get_span_payload(
    /// The trace.
    trace_id: TraceId,
    /// The span.
    span_id: SpanId,
    /// The hash of the payload, as text.
    hash: String,
) -> Result<Option<Payload>, ApiError> {
    Ok(super::error::panel()?
        .reader
        .span_payload(trace_id, span_id, &hash)
        .await?)
}

/// Returns the names of the known services, as many as a list may have.
#[server(name = ListServices, prefix = "/api/panel", endpoint = "list_services")]
pub async fn list_services() -> Result<ServiceList, ApiError> {
    Ok(super::error::panel()?.reader.list_services("").await?)
}
