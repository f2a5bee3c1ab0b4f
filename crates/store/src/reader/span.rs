//! Reads one span: its details, or one of its offloaded payloads.

use throughline_model::{Payload, ReadError, SpanDetails};
use throughline_wire::{SpanId, SpanKind, TraceId};

use super::context::ReadContext;
use super::payload as payloads;
use super::rows::SpanRow;
use super::stored;
use super::whole::ReferredEntries;
use crate::ids::uuid;
use crate::sqlstate::read_error;

/// Returns the rows with this span ID. If no span with this ID has ended, returns the running one.
/// Returns an empty list if the trace does not exist.
async fn rows(
    context: &mut ReadContext<'_>,
    trace_id: TraceId,
    span_id: SpanId,
) -> Result<Vec<SpanRow>, ReadError> {
    let Some(wanted) = stored::locate(context, trace_id).await? else {
        return Ok(Vec::new());
    };
    let ended = stored::rows_by_id(context.connection, wanted, span_id).await?;
    if !ended.is_empty() {
        return Ok(ended);
    }
    sqlx::query_as(include_str!("open_span_by_id.sql"))
        .bind(context.tenant)
        .bind(uuid(trace_id))
        .bind(span_id.to_i64())
        .fetch_all(&mut *context.connection)
        .await
        .map_err(read_error)
}

/// Returns the details of all spans with this ID. A running span has its start as its end.
pub(super) async fn details(
    context: &mut ReadContext<'_>,
    trace_id: TraceId,
    span_id: SpanId,
) -> Result<Vec<SpanDetails>, ReadError> {
    let rows = rows(context, trace_id, span_id).await?;
    let referred = ReferredEntries::of(context, &rows).await?;
    rows.into_iter()
        .map(|row| {
            let references = row.payloads()?;
            let mut details = SpanDetails {
                resource: referred
                    .resources
                    .get(&row.resource_id)
                    .cloned()
                    .unwrap_or_default(),
                scope: referred
                    .scopes
                    .get(&row.scope_id)
                    .cloned()
                    .unwrap_or_default(),
                received: row.received(),
                payloads: Vec::new(),
                span: referred.span(row, trace_id)?,
            };
            details.payloads = payloads::of_span(&references, &details.span);
            Ok(details)
        })
        .collect()
}

/// Returns an offloaded payload of a span. Returns `None` if the span has no payload with this
/// hash.
pub(super) async fn payload(
    context: &mut ReadContext<'_>,
    trace_id: TraceId,
    span_id: SpanId,
    hash: &str,
) -> Result<Option<Payload>, ReadError> {
    for row in rows(context, trace_id, span_id).await? {
        let (references, day_ns) = (row.payloads()?, row.day_ns());
        let span = row.into_span(trace_id, (String::new(), SpanKind::Internal))?;
        let described = payloads::of_span(&references, &span);
        if let Some(reference) = described.into_iter().find(|known| known.hash == hash) {
            return payloads::one(context, reference, day_ns).await;
        }
    }
    Ok(None)
}
