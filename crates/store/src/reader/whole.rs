//! Reads a whole trace, page by page, for exports and scripts.

use std::collections::HashMap;

use throughline_model::{ReadError, SpanCursor, StoredSpan, Trace};
use throughline_wire::{InstrumentationScope, Resource, Span, TraceId};

use super::completeness;
use super::context::ReadContext;
use super::dictionary::{self, EntryList};
use super::operation::Operation;
use super::payload;
use super::rows::SpanRow;
use super::shared_sizes::SharedSizes;
use super::stored::{self, StoredSpanHead, StoredTrace};
use super::trace::summary;

/// The maximum number of spans on a page.
const PAGE_SPANS: usize = 5_000;
/// The maximum size of a page in bytes, unless the first span is larger. It includes names, status
/// messages, the resources and scopes of the spans, and their payloads, each counted at every path
/// where it occurs. Ten spans with a value of 1 MiB each fit.
const PAGE_BYTES: u64 = 11 << 20;

/// Returns the page of spans after the cursor `after`, with their payloads restored.
pub(super) async fn whole(
    context: &mut ReadContext<'_>,
    trace_id: TraceId,
    after: Option<SpanCursor>,
) -> Result<Option<Trace>, ReadError> {
    let Some(summary) = summary(context, trace_id).await? else {
        return Ok(None);
    };
    let Some(wanted) = stored::locate(context, trace_id).await? else {
        return Ok(None);
    };
    let stored = StoredTrace::read(context.connection, wanted).await?;
    let (rows, after) = page(context, &stored, after).await?;
    let mut referred = ReferredEntries::of(context, &rows).await?;
    let named = stored.facts.operations();
    let named = dictionary::operations(context, named).await?;
    let mut resources = EntryList::new(core::mem::take(&mut referred.resources));
    let mut scopes = EntryList::new(core::mem::take(&mut referred.scopes));
    let mut spans = Vec::with_capacity(rows.len());
    let mut detached = Vec::new();
    for row in rows {
        let references = row.payloads()?;
        if !references.is_empty() {
            detached.push((spans.len(), row.day_ns(), references));
        }
        spans.push(StoredSpan {
            resource: resources.place(row.resource_id),
            scope: scopes.place(row.scope_id),
            received: row.received(),
            span: referred.span(row, trace_id)?,
        });
    }
    let values = payload::fetch_all(context, &detached).await?;
    for (at, day_ns, references) in detached {
        payload::restore(&mut spans[at].span, &references, day_ns, &values);
    }
    let (completeness, open) = completeness::read(context, &summary, &stored, &named).await?;
    Ok(Some(Trace {
        completeness,
        open,
        summary,
        resources: resources.list,
        scopes: scopes.list,
        spans,
        after,
    }))
}

/// Returns the spans after `after` that fit on one page, and the cursor of the next page. Spans
/// with the same start, duration and ID are distinguished by their number.
async fn page(
    context: &mut ReadContext<'_>,
    stored: &StoredTrace,
    after: Option<SpanCursor>,
) -> Result<(Vec<SpanRow>, Option<SpanCursor>), ReadError> {
    let cursors = cursors(&stored.heads);
    let begin = match after {
        None => 0,
        Some(after) => cursors.partition_point(|cursor| *cursor <= after),
    };
    let rest = &stored.heads[begin..];
    let rest = &rest[..rest.len().min(PAGE_SPANS)];
    let decodable = stored.decodable(rest);
    let mut rows = Vec::new();
    let mut next = begin + decodable;
    let read = stored.rows(context.connection, &rest[..decodable]).await?;
    let shared = read.iter().map(|(_, row)| row.shared());
    let mut shared = SharedSizes::read(context.connection, context.tenant, shared).await?;
    let mut bytes = 0_u64;
    for (place, row) in read {
        bytes = bytes
            .saturating_add(row.byte_count()?)
            .saturating_add(shared.add(row.shared()));
        if !rows.is_empty() && bytes > PAGE_BYTES {
            next = begin + place;
            break;
        }
        rows.push(row);
    }
    let last = next.checked_sub(1).and_then(|last| cursors.get(last));
    Ok((rows, last.copied().filter(|_| next < cursors.len())))
}

/// Returns the cursor of each span.
fn cursors(heads: &[StoredSpanHead]) -> Vec<SpanCursor> {
    let mut cursors: Vec<SpanCursor> = Vec::with_capacity(heads.len());
    for head in heads {
        let mut cursor = SpanCursor {
            order: head.order(),
            number: 0,
        };
        if let Some(last) = cursors.last()
            && last.order == cursor.order
        {
            cursor.number = last.number + 1;
        }
        cursors.push(cursor);
    }
    cursors
}

/// The dictionary entries that the rows of spans refer to.
pub(super) struct ReferredEntries {
    operations: HashMap<i64, Operation>,
    pub resources: HashMap<i64, Resource>,
    pub scopes: HashMap<i64, InstrumentationScope>,
}

impl ReferredEntries {
    pub(super) async fn of(
        context: &mut ReadContext<'_>,
        rows: &[SpanRow],
    ) -> Result<Self, ReadError> {
        let operation_ids = rows.iter().map(|row| row.operation_id);
        let resource_ids = rows.iter().map(|row| row.resource_id);
        let scope_ids = rows.iter().map(|row| row.scope_id);
        Ok(Self {
            operations: dictionary::operations(context, operation_ids).await?,
            resources: dictionary::resources(context, resource_ids).await?,
            scopes: dictionary::scopes(context, scope_ids).await?,
        })
    }

    /// Returns the span of a row.
    pub(super) fn span(&self, row: SpanRow, trace_id: TraceId) -> Result<Span, ReadError> {
        let unknown = Operation::unknown();
        let operation = self.operations.get(&row.operation_id).unwrap_or(&unknown);
        row.into_span(trace_id, (operation.name.clone(), operation.kind()))
    }
}
