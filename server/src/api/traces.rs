//! Routes for trace lists, statistics and single traces.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use throughline_model::{
    Page, PageRequest, Parameters, ServiceList, SpanCursor, SpansOfId, TraceFilter,
    TraceStatistics, TraceSummary,
};

use super::ids::{span_id, trace_id};
use super::query::{decode, nothing};
use super::{Reader, otlp};
use crate::problem::Problem;

/// `GET /api/admin/traces`: returns one page of the traces that a filter selects, newest first.
pub(super) async fn list_traces(
    State(reader): State<Reader>,
    query: RawQuery,
) -> Result<Json<Page<TraceSummary>>, Problem> {
    let (filter, page) = decode(&query, |parameters| {
        let filter = TraceFilter::decode(parameters);
        (filter, PageRequest::decode(parameters))
    })?;
    Ok(Json(reader.list_traces(&filter, page).await?))
}

/// `GET /api/admin/traces/stats`: returns statistics of all traces that a filter selects.
pub(super) async fn trace_statistics(
    State(reader): State<Reader>,
    query: RawQuery,
) -> Result<Json<TraceStatistics>, Problem> {
    let filter = decode(&query, TraceFilter::decode)?;
    Ok(Json(reader.trace_statistics(&filter).await?))
}

/// `GET /api/admin/traces/{trace_id}`: returns the trace. Many or large spans come in pages;
/// `after` is the start of the next page. With `format=otlp` it returns the whole trace with its
/// log records as OTLP JSON, which `throughline import` reads.
pub(super) async fn get_trace(
    State(reader): State<Reader>,
    Path(id): Path<String>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (is_otlp, after) = decode(&query, format_and_page)?;
    let trace_id = trace_id(&id)?;
    match reader.trace(trace_id, after).await? {
        Some(trace) if is_otlp => Ok(otlp::answer(reader, trace)),
        Some(trace) => Ok(Json(trace).into_response()),
        None => Err(Problem::not_found(format!("found no trace {trace_id}"))),
    }
}

/// Reads whether the response is OTLP, and the start of the page.
fn format_and_page(parameters: &mut Parameters<'_>) -> (bool, Option<SpanCursor>) {
    let is_otlp = parameters.parsed("format", |text| match text {
        "otlp" => Ok(true),
        _ => Err("takes otlp; without it the response has the data that the pages show"),
    });
    let is_otlp = is_otlp.unwrap_or_default();
    let after = parameters.parsed("after", str::parse);
    if is_otlp && after.is_some() {
        parameters.fault(
            "after",
            "cannot be combined with format=otlp, which is the whole trace",
        );
    }
    (is_otlp, after)
}

/// `GET /api/admin/traces/{trace_id}/spans/{span_id}`: returns all data of the first spans with this
/// id. There are several if a sender used the id twice.
pub(super) async fn get_span(
    State(reader): State<Reader>,
    Path((trace, span)): Path<(String, String)>,
    query: RawQuery,
) -> Result<Json<SpansOfId>, Problem> {
    nothing(&query)?;
    let trace_id = trace_id(&trace)?;
    let span_id = span_id(&span)?;
    let spans = reader.span_details(trace_id, span_id).await?;
    if spans.spans.is_empty() {
        return Err(Problem::not_found(format!(
            "trace {trace_id} has no span {span_id}"
        )));
    }
    Ok(Json(spans))
}

/// `GET /api/admin/services`: returns the names of the known services that begin with `prefix`.
pub(super) async fn list_services(
    State(reader): State<Reader>,
    query: RawQuery,
) -> Result<Json<ServiceList>, Problem> {
    let prefix = decode(&query, |parameters| {
        parameters.exact("prefix").unwrap_or_default().to_owned()
    })?;
    Ok(Json(reader.list_services(&prefix).await?))
}
