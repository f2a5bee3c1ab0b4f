//! The rows that the database returns, and their conversion to the types of the model.

use std::borrow::Cow;

use sqlx::FromRow;
use throughline_codec::binary;
use throughline_model::{OpenFate, ReadError, SpanOrder, TraceSummary, span_order};
use throughline_wire::{
    Resource, Span, SpanEvent, SpanId, SpanKind, Status, StatusCode, TraceId, UnixNanos,
};
use uuid::Uuid;

use super::corrupt::corrupt;
use super::operation::UNKNOWN_OPERATION;
use super::payload;
use super::shared_sizes::SharedIds;
use crate::block::SpanRecord;
use crate::day::day_ns;
use crate::payload_refs::Reference;

/// A row of the trace summaries, with names looked up.
#[derive(FromRow)]
#[expect(clippy::struct_excessive_bools, reason = "the columns of a query")]
pub(super) struct SummaryRow {
    trace_id: Uuid,
    start_ns: i64,
    end_ns: i64,
    root_duration_ns: i64,
    has_root: bool,
    span_count: i32,
    error_count: i32,
    error_message: Option<String>,
    is_pinned: bool,
    has_open: bool,
    open_seen_ns: Option<i64>,
    user_id: Option<String>,
    session_id: Option<String>,
    root_name: Option<String>,
    root_kind: Option<i16>,
    root_service: Option<String>,
    services: Vec<String>,
    has_more_services: bool,
}

impl SummaryRow {
    /// Returns the summary at time `now`.
    pub(super) fn into_summary(self, now: UnixNanos) -> Result<TraceSummary, ReadError> {
        let unknown_service = || Resource::UNKNOWN_SERVICE.to_owned();
        Ok(TraceSummary {
            trace_id: TraceId::from_bytes(self.trace_id.into_bytes())
                .map_err(|_| corrupt("traces.trace_id")())?,
            start: UnixNanos::new(self.start_ns),
            duration_ns: self.end_ns.saturating_sub(self.start_ns),
            open: self.open(now),
            is_pinned: self.is_pinned,
            root_name: self
                .root_name
                .unwrap_or_else(|| UNKNOWN_OPERATION.to_owned()),
            root_service: self.root_service.unwrap_or_else(unknown_service),
            root_kind: SpanKind::from_code(self.root_kind.unwrap_or_default().into()),
            root_duration_ns: self.root_duration_ns,
            has_root: self.has_root,
            services: self.services,
            has_more_services: self.has_more_services,
            span_count: self.span_count.unsigned_abs().into(),
            error_count: self.error_count.unsigned_abs().into(),
            error: self.error_message,
            user: self.user_id,
            session: self.session_id,
            matched_span: None,
        })
    }

    /// Returns the state of the running spans. It is the state of the process that reported last.
    fn open(&self, now: UnixNanos) -> Option<OpenFate> {
        self.has_open.then(|| match self.open_seen_ns {
            None => OpenFate::ProcessEnded,
            Some(seen_ns) => OpenFate::of_process(false, UnixNanos::new(seen_ns), now),
        })
    }
}

/// A span with all its fields.
#[derive(FromRow)]
pub(super) struct SpanRow {
    span_id: i64,
    parent_span_id: Option<i64>,
    pub operation_id: i64,
    pub resource_id: i64,
    pub scope_id: i64,
    start_ns: i64,
    duration_ns: i64,
    received_ns: i64,
    flags: Option<i32>,
    dropped_attributes_count: Option<i32>,
    dropped_events_count: Option<i32>,
    dropped_links_count: Option<i32>,
    status: i16,
    trace_state: Option<String>,
    status_message: Option<String>,
    attributes: Option<Vec<u8>>,
    events: Option<Vec<u8>>,
    links: Option<Vec<u8>>,
    payloads: Option<Vec<u8>>,
}

impl SpanRow {
    /// Returns the row of a span from a block.
    pub(super) fn of(record: &SpanRecord<'_>) -> Self {
        let bits = |count: u32| (count != 0).then_some(count as i32);
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let bytes = |bytes: &[u8]| (!bytes.is_empty()).then(|| bytes.to_vec());
        Self {
            span_id: record.span_id,
            parent_span_id: record.parent_span_id,
            operation_id: record.operation_id,
            resource_id: record.resource_id,
            scope_id: record.scope_id,
            start_ns: record.start_ns,
            duration_ns: record.duration_ns,
            received_ns: record.ingest.received_ns,
            flags: bits(record.flags),
            dropped_attributes_count: bits(record.dropped.attributes),
            dropped_events_count: bits(record.dropped.events),
            dropped_links_count: bits(record.dropped.links),
            status: record.status.into(),
            trace_state: text(record.trace_state),
            status_message: text(record.status_message),
            attributes: bytes(record.attributes),
            events: bytes(record.events),
            links: bytes(record.links),
            payloads: bytes(record.payloads),
        }
    }

    /// Returns the sort key of the span.
    pub(super) const fn order(&self) -> SpanOrder {
        span_order(
            UnixNanos::new(self.start_ns),
            self.duration_ns,
            self.span_id,
        )
    }

    /// Returns the size of the span in bytes, with its payloads, and without the names and parts
    /// that dictionaries hold.
    pub(super) fn byte_count(&self) -> Result<u64, ReadError> {
        let payloads = self.payloads()?;
        let sizes = payloads.iter().map(|value| value.byte_count);
        Ok(sizes.fold(self.preview_byte_count(), u64::saturating_add))
    }

    /// Returns the same with the previews of its payloads.
    pub(super) fn preview_byte_count(&self) -> u64 {
        let parts = [&self.attributes, &self.events, &self.links];
        let parts = parts.into_iter().flatten().map(Vec::len);
        let texts = [&self.trace_state, &self.status_message];
        let texts = texts.into_iter().flatten().map(String::len);
        let own = parts.chain(texts).map(|bytes| bytes as u64);
        own.fold(200, u64::saturating_add)
    }

    /// Returns the dictionary entries of the span.
    pub(super) const fn shared(&self) -> SharedIds {
        SharedIds {
            operation: Some(self.operation_id),
            resource: self.resource_id,
            scope: self.scope_id,
        }
    }

    pub(super) fn received(&self) -> UnixNanos {
        UnixNanos::new(self.received_ns)
    }

    /// Returns the references to the offloaded payloads.
    pub(super) fn payloads(&self) -> Result<Vec<Reference>, ReadError> {
        payload::references(self.payloads.as_deref())
    }

    /// Returns the start of the day of the span, in ns since 1970.
    pub(super) fn day_ns(&self) -> i64 {
        day_ns(self.start_ns)
    }

    /// Returns the span. The dictionary gives its name and kind.
    pub(super) fn into_span(
        self,
        trace_id: TraceId,
        (name, kind): (String, SpanKind),
    ) -> Result<Span, ReadError> {
        let start = UnixNanos::new(self.start_ns);
        Ok(Span {
            trace_id,
            span_id: span_id(self.span_id)?,
            parent_span_id: self.parent_span_id.map(span_id).transpose()?,
            trace_state: text(self.trace_state),
            flags: bits(self.flags),
            name: Cow::Owned(name),
            kind,
            start,
            end: start.saturating_add(self.duration_ns),
            status: Status {
                code: StatusCode::from_code(self.status.into()),
                message: text(self.status_message),
            },
            attributes: binary::decode_attributes(self.attributes.as_deref().unwrap_or_default())
                .map_err(|_| corrupt("spans.attributes")())?,
            dropped_attributes_count: bits(self.dropped_attributes_count),
            events: events(self.events.as_deref())?,
            dropped_events_count: bits(self.dropped_events_count),
            links: binary::decode_links(self.links.as_deref().unwrap_or_default())
                .map_err(|_| corrupt("spans.links")())?,
            dropped_links_count: bits(self.dropped_links_count),
            sequence: None,
        })
    }
}

pub(super) fn events(bytes: Option<&[u8]>) -> Result<Vec<SpanEvent>, ReadError> {
    binary::decode_events(bytes.unwrap_or_default()).map_err(|_| corrupt("spans.events")())
}

pub(super) fn span_id(bits: i64) -> Result<SpanId, ReadError> {
    SpanId::from_i64(bits).map_err(|_| corrupt("spans.span_id")())
}

fn text(text: Option<String>) -> Cow<'static, str> {
    text.map_or(Cow::Borrowed(""), Cow::Owned)
}

/// Returns the unsigned number with the bits of an `integer` column. NULL is 0.
fn bits(number: Option<i32>) -> u32 {
    number.unwrap_or_default() as u32
}
