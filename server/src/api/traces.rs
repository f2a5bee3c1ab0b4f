//! Routes for trace lists, statistics and single traces.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use throughline_model::{Page, SpanCursor, SpanDetails, TraceStatistics, TraceSummary, ids};
use throughline_wire::{SpanId, TraceId};

use super::query::{filter, filter_and_page, nothing, pairs_of};
use super::{Reader, otlp};
use crate::problem::Problem;

pub(super) fn trace_id(text: &str) -> Result<TraceId, Problem> {
    ids::parse_trace_id(text).map_err(|error| Problem::bad_request(format!("the trace id {error}")))
}

pub(super) fn span_id(text: &str) -> Result<SpanId, Problem> {
    ids::parse_span_id(text).map_err(|error| Problem::bad_request(format!("the span id {error}")))
}

/// `GET /api/admin/traces`: returns one page of the traces that a filter selects, newest first.
pub(super) async fn list_traces(
    State(reader): State<Reader>,
    query: RawQuery,
) -> Result<Json<Page<TraceSummary>>, Problem> {
    let (filter, page) = filter_and_page(&query)?;
    Ok(Json(reader.list_traces(&filter, page).await?))
}

/// `GET /api/admin/traces/stats`: returns statistics of all traces that a filter selects.
pub(super) async fn trace_statistics(
    State(reader): State<Reader>,
    query: RawQuery,
) -> Result<Json<TraceStatistics>, Problem> {
    Ok(Json(reader.trace_statistics(&filter(&query)?).await?))
}

/// `GET /api/admin/traces/{trace_id}`: returns the trace. Many or large spans come in pages;
/// `after` is the start of the next page. With `format=otlp` it returns the whole trace with its
/// log records as OTLP JSON, which `throughline import` reads.
pub(super) async fn get_trace(
    State(reader): State<Reader>,
    Path(id): Path<String>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let pairs = pairs_of(&query, &["format", "after"])?;
    let is_otlp = wants_otlp(&pairs)?;
    let after = after(&pairs)?;
    if is_otlp && after.is_some() {
        return Err(Problem::bad_request(
            "format=otlp is the whole trace and takes no after",
        ));
    }
    let trace_id = trace_id(&id)?;
    match reader.trace(trace_id, after).await? {
        Some(trace) if is_otlp => Ok(otlp::answer(reader, trace)),
        Some(trace) => Ok(Json(trace).into_response()),
        None => Err(Problem::not_found(format!("there is no trace {trace_id}"))),
    }
}

fn wants_otlp(pairs: &[(String, String)]) -> Result<bool, Problem> {
    match last(pairs, "format") {
        None => Ok(false),
        Some("otlp") => Ok(true),
        Some(_) => Err(Problem::bad_request(
            "format takes otlp; without it the answer is as the pages read it".to_owned(),
        )),
    }
}

fn after(pairs: &[(String, String)]) -> Result<Option<SpanCursor>, Problem> {
    let cursor = last(pairs, "after").map(str::parse);
    cursor
        .transpose()
        .map_err(|error| Problem::bad_request(format!("after: {error}")))
}

fn last<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut newest_first = pairs.iter().rev();
    newest_first
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// `GET /api/admin/traces/{trace_id}/spans/{span_id}`: returns all data of the spans with this id.
/// There are several if a sender used the id twice.
pub(super) async fn get_span(
    State(reader): State<Reader>,
    Path((trace, span)): Path<(String, String)>,
    query: RawQuery,
) -> Result<Json<Vec<SpanDetails>>, Problem> {
    nothing(&query)?;
    let trace_id = trace_id(&trace)?;
    let span_id = span_id(&span)?;
    let spans = reader.span_details(trace_id, span_id).await?;
    if spans.is_empty() {
        return Err(Problem::not_found(format!(
            "trace {trace_id} has no span {span_id}"
        )));
    }
    Ok(Json(spans))
}

/// `GET /api/admin/services`: returns the names of all known services.
pub(super) async fn list_services(
    State(reader): State<Reader>,
    query: RawQuery,
) -> Result<Json<Vec<String>>, Problem> {
    nothing(&query)?;
    Ok(Json(reader.list_services().await?))
}
