//! Reads the summary and the skeleton of one trace.

use std::collections::HashMap;

use throughline_model::{
    ReadError, SkeletonSpan, TraceSkeleton, TraceSummary, join_parts, span_order,
};
use throughline_wire::{StatusCode, TraceId, UnixNanos};

use super::completeness;
use super::context::ReadContext;
use super::dictionary;
use super::operation::Operation;
use super::rows::{SummaryRow, events, span_id};
use super::stored::{self, StoredSpanHead, StoredTrace};
use super::summaries;
use crate::ids::uuid;
use crate::sqlstate::read_error;

/// Returns the summary of a trace.
pub(super) async fn summary(
    context: &mut ReadContext<'_>,
    trace_id: TraceId,
) -> Result<Option<TraceSummary>, ReadError> {
    let row: Option<SummaryRow> = summaries::summary(context.tenant, uuid(trace_id))
        .build_query_as()
        .fetch_optional(&mut *context.connection)
        .await
        .map_err(read_error)?;
    row.map(|row| row.into_summary(context.now)).transpose()
}

/// Returns the data of a trace that the waterfall shows. Returns `None` if the trace does not
/// exist.
pub(super) async fn skeleton(
    context: &mut ReadContext<'_>,
    trace_id: TraceId,
) -> Result<Option<TraceSkeleton>, ReadError> {
    let Some(summary) = summary(context, trace_id).await? else {
        return Ok(None);
    };
    let Some(wanted) = stored::locate(context, trace_id).await? else {
        return Ok(None);
    };
    let stored = StoredTrace::read(context.connection, wanted).await?;
    let ids = stored.heads.iter().map(|head| head.operation_id);
    let operations = dictionary::operations(context, ids).await?;
    let (mut repairs, unmarked_spans) = event_marks(context, &stored).await?;
    let unknown = Operation::unknown();
    let mut services = Places::default();
    let mut spans = Vec::with_capacity(stored.heads.len());
    for (place, head) in stored.heads.iter().enumerate() {
        let operation = operations.get(&head.operation_id).unwrap_or(&unknown);
        spans.push(SkeletonSpan {
            span_id: span_id(head.span_id)?,
            parent_span_id: head.parent_span_id.map(span_id).transpose()?,
            name: operation.name.clone(),
            kind: operation.kind(),
            service: services.of(operation.service()),
            start: UnixNanos::new(head.start_ns),
            duration_ns: head.duration_ns,
            status: StatusCode::from_code(head.status.into()),
            events: repairs.remove(&place).unwrap_or_default(),
        });
    }
    let mut spans = join_parts(spans);
    let (completeness, open) = completeness::read(context, &summary, &stored, &operations).await?;
    spans.extend(open.iter().map(|span| SkeletonSpan {
        span_id: span.span_id,
        parent_span_id: span.parent_span_id,
        name: span.name.clone(),
        kind: span.kind,
        service: services.of(&span.service),
        start: span.start,
        duration_ns: span.seen.since(span.start),
        status: StatusCode::Unset,
        events: Vec::new(),
    }));
    spans.sort_by_key(|span| span_order(span.start, span.duration_ns, span.span_id.to_i64()));
    Ok(Some(TraceSkeleton {
        summary,
        unmarked_spans,
        services: services.names,
        spans,
        completeness,
        open,
    }))
}

/// The maximum number of spans whose events are drawn.
const MARKED_SPANS: usize = 2_000;
/// The maximum size of the encoded events of a span that are drawn, in bytes.
const MARKED_BYTES: usize = 8 * 1024;
/// The maximum size of the encoded events of all spans that are drawn, in bytes.
const ALL_MARKED_BYTES: usize = 4 << 20;

/// The times and names of the events of a span, in order of time.
type EventMarks = Vec<(UnixNanos, String)>;

/// Returns the event marks of the first spans that have events, by the index of the span. Also
/// returns the number of spans whose events are not drawn.
async fn event_marks(
    context: &mut ReadContext<'_>,
    stored: &StoredTrace,
) -> Result<(HashMap<usize, EventMarks>, u64), ReadError> {
    let eventful = stored
        .heads
        .iter()
        .enumerate()
        .filter(|(_, head)| head.has_events);
    let (places, heads): (Vec<usize>, Vec<StoredSpanHead>) =
        eventful.map(|(place, head)| (place, *head)).unzip();
    let count = heads.len();
    let drawn = &heads[..count.min(MARKED_SPANS)];
    let mut encoded: Vec<(usize, Vec<u8>)> = Vec::with_capacity(drawn.len());
    let mut bytes = 0;
    stored
        .events(context.connection, drawn, |head, events| {
            if events.len() <= MARKED_BYTES && bytes + events.len() <= ALL_MARKED_BYTES {
                bytes += events.len();
                // Both references point into the same list, so comparing addresses finds the span.
                let at = drawn.iter().position(|drawn| core::ptr::eq(drawn, head));
                encoded.extend(at.map(|at| (places[at], events.to_vec())));
            }
        })
        .await?;
    let mut repairs = HashMap::with_capacity(encoded.len());
    for (place, bytes) in encoded {
        let events = events(Some(&bytes))?.into_iter();
        let mut of_span: EventMarks = events
            .map(|event| (event.time, event.name.into_owned()))
            .collect();
        of_span.sort_by_key(|(time, _)| *time);
        repairs.insert(place, of_span);
    }
    let left_out = count.saturating_sub(repairs.len()) as u64;
    Ok((repairs, left_out))
}

/// A list of distinct names in the order of first use.
#[derive(Default)]
struct Places {
    names: Vec<String>,
    at: HashMap<String, u32>,
}

impl Places {
    fn of(&mut self, name: &str) -> u32 {
        if let Some(at) = self.at.get(name) {
            return *at;
        }
        let at = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.at.insert(name.to_owned(), at);
        at
    }
}
