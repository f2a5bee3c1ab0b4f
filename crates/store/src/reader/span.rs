//! Reads one span: its details, or one of its offloaded payloads.

use throughline_model::{Payload, PayloadRef, ReadError, SpanDetails, SpansOfId};
use throughline_wire::{SpanId, SpanKind, TraceId};

use super::context::ReadContext;
use super::payload as payloads;
use super::rows::SpanRow;
use super::shared_sizes::SharedSizes;
use super::stored;
use super::whole::ReferredEntries;
use crate::ids::uuid;
use crate::sqlstate::read_error;

/// Returns the running span with this ID.
async fn running(
    context: &mut ReadContext<'_>,
    trace_id: TraceId,
    span_id: SpanId,
) -> Result<Vec<SpanRow>, ReadError> {
    sqlx::query_as(include_str!("open_span_by_id.sql"))
        .bind(context.tenant)
        .bind(uuid(trace_id))
        .bind(span_id.to_i64())
        .fetch_all(&mut *context.connection)
        .await
        .map_err(read_error)
}

/// Returns the first rows with this span ID, and the number of all. If no span with this ID has ended,
/// returns the running one. Returns an empty list if the trace does not exist.
async fn first_rows(
    context: &mut ReadContext<'_>,
    trace_id: TraceId,
    span_id: SpanId,
) -> Result<(Vec<SpanRow>, usize), ReadError> {
    let Some(wanted) = stored::locate(context, trace_id).await? else {
        return Ok((Vec::new(), 0));
    };
    let (mut rows, mut count) = (Vec::new(), 0);
    stored::for_each_of_id(context.connection, wanted, span_id, |row| {
        count += 1;
        rows.push(row);
        if rows.len() > 2 * SpansOfId::MAX_SPANS {
            keep_first(&mut rows);
        }
    })
    .await?;
    keep_first(&mut rows);
    if rows.is_empty() {
        rows = running(context, trace_id, span_id).await?;
        count = rows.len();
    }
    let fitting = fitting(context, &rows).await?;
    rows.truncate(fitting);
    Ok((rows, count))
}

fn keep_first(rows: &mut Vec<SpanRow>) {
    rows.sort_by_key(SpanRow::order);
    rows.truncate(SpansOfId::MAX_SPANS);
}

/// Returns how many of the rows fit into an answer, each with its resource and its scope; one at least.
async fn fitting(context: &mut ReadContext<'_>, rows: &[SpanRow]) -> Result<usize, ReadError> {
    let shared = rows.iter().map(SpanRow::shared);
    let sizes = SharedSizes::read(context.connection, context.tenant, shared).await?;
    let mut bytes = 0_u64;
    let fitting = rows.iter().take_while(|row| {
        bytes = bytes
            .saturating_add(row.preview_byte_count())
            .saturating_add(sizes.clone().add(row.shared()));
        bytes <= SpansOfId::MAX_BYTES
    });
    Ok(fitting.count().max(1))
}

/// Returns the details of the first spans with this ID. A running span has its start as its end.
pub(super) async fn details(
    context: &mut ReadContext<'_>,
    trace_id: TraceId,
    span_id: SpanId,
) -> Result<SpansOfId, ReadError> {
    let (rows, count) = first_rows(context, trace_id, span_id).await?;
    let more = count.saturating_sub(rows.len()) as u64;
    let referred = ReferredEntries::of(context, &rows).await?;
    let spans = rows.into_iter().map(|row| {
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
    });
    let spans = spans.collect::<Result<_, ReadError>>()?;
    Ok(SpansOfId { spans, more })
}

/// Returns the reference with this hash of a span, with the day of its payload.
fn reference(
    row: SpanRow,
    trace_id: TraceId,
    hash: &str,
) -> Result<Option<(PayloadRef, i64)>, ReadError> {
    let (references, day_ns) = (row.payloads()?, row.day_ns());
    let span = row.into_span(trace_id, (String::new(), SpanKind::Internal))?;
    let described = payloads::of_span(&references, &span);
    let found = described.into_iter().find(|known| known.hash == hash);
    Ok(found.map(|reference| (reference, day_ns)))
}

/// Returns an offloaded payload of a span. Returns `None` if the span has no payload with this
/// hash.
pub(super) async fn payload(
    context: &mut ReadContext<'_>,
    trace_id: TraceId,
    span_id: SpanId,
    hash: &str,
) -> Result<Option<Payload>, ReadError> {
    let Some(wanted) = stored::locate(context, trace_id).await? else {
        return Ok(None);
    };
    let mut found = Ok(None);
    stored::for_each_of_id(context.connection, wanted, span_id, |row| {
        if matches!(found, Ok(None)) {
            found = reference(row, trace_id, hash);
        }
    })
    .await?;
    let mut found = found?;
    if found.is_none() {
        for row in running(context, trace_id, span_id).await? {
            found = found.or(reference(row, trace_id, hash)?);
        }
    }
    match found {
        Some((reference, day_ns)) => payloads::one(context, reference, day_ns).await,
        None => Ok(None),
    }
}
