//! Rows as the database gives them, and how they become what the model names.

use std::borrow::Cow;

use sqlx::FromRow;
use throughline_model::{OpenFate, ReadError, SpanCursor, TraceSummary};
use throughline_wire::{
    Resource, Span, SpanEvent, SpanId, SpanKind, Status, StatusCode, TraceId, UnixNanos, binary,
};
use uuid::Uuid;

use super::payload;
use crate::payload_refs::Reference;
use crate::writer::day_ns;

/// What stands for the name of an operation whose dictionary row is missing.
pub(super) const UNKNOWN_OPERATION: &str = "unknown operation";

/// Says which stored value cannot be read; the caller learns only that it is our fault.
pub(super) fn corrupt(what: &'static str) -> impl Fn() -> ReadError {
    move || {
        tracing::error!(what, "a stored value cannot be read");
        ReadError::Internal
    }
}

/// A row of the directory, names looked up.
#[derive(FromRow)]
pub(super) struct SummaryRow {
    trace_id: Uuid,
    start_ns: i64,
    end_ns: i64,
    root_duration_ns: i64,
    has_root: bool,
    span_count: i64,
    error_count: i64,
    error_message: Option<String>,
    is_pinned: bool,
    has_open: bool,
    open_heard_ns: Option<i64>,
    user_id: Option<String>,
    session_id: Option<String>,
    root_name: Option<String>,
    root_kind: Option<i16>,
    root_service: Option<String>,
    services: Vec<String>,
}

impl SummaryRow {
    /// The summary, as of `now`.
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
            span_count: self.span_count.unsigned_abs(),
            error_count: self.error_count.unsigned_abs(),
            error: self.error_message,
            user: self.user_id,
            session: self.session_id,
        })
    }

    /// What became of the spans that are open: by the process that was heard last.
    fn open(&self, now: UnixNanos) -> Option<OpenFate> {
        self.has_open.then(|| match self.open_heard_ns {
            None => OpenFate::ProcessEnded,
            Some(heard_ns) => OpenFate::of_process(false, UnixNanos::new(heard_ns), now),
        })
    }
}

/// What a waterfall needs of a span.
#[derive(FromRow)]
pub(super) struct SkeletonRow {
    span_id: i64,
    parent_span_id: Option<i64>,
    pub operation_id: i64,
    pub start_ns: i64,
    pub duration_ns: i64,
    kind: i16,
    status: i16,
    pub has_events: bool,
    digest: i64,
}

/// The events of a span, for their marks on its bar.
#[derive(FromRow)]
pub(super) struct MarksRow {
    pub span_id: i64,
    pub start_ns: i64,
    events: Option<Vec<u8>>,
}

impl SkeletonRow {
    /// By start, then by id, then by content: the same in every answer.
    pub(super) const fn place(&self) -> (i64, i64, i64) {
        (self.start_ns, self.span_id, self.digest)
    }

    pub(super) fn span_id(&self) -> Result<SpanId, ReadError> {
        span_id(self.span_id)
    }

    pub(super) fn parent_span_id(&self) -> Result<Option<SpanId>, ReadError> {
        self.parent_span_id.map(span_id).transpose()
    }

    pub(super) fn kind(&self) -> SpanKind {
        SpanKind::from_code(self.kind.into())
    }

    pub(super) fn status(&self) -> StatusCode {
        StatusCode::from_code(self.status.into())
    }
}

impl MarksRow {
    /// When they happened, in order, with their names.
    pub(super) fn marks(&self) -> Result<Vec<(UnixNanos, String)>, ReadError> {
        let mut events: Vec<_> = events(self.events.as_deref())?
            .into_iter()
            .map(|event| (event.time, event.name.into_owned()))
            .collect();
        events.sort_by_key(|(time, _)| *time);
        Ok(events)
    }
}

/// A whole span.
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
    kind: i16,
    status: i16,
    trace_state: Option<String>,
    status_message: Option<String>,
    attributes: Option<Vec<u8>>,
    events: Option<Vec<u8>>,
    links: Option<Vec<u8>>,
    payloads: Option<Vec<u8>>,
    digest: i64,
}

impl SpanRow {
    pub(super) fn received(&self) -> UnixNanos {
        UnixNanos::new(self.received_ns)
    }

    /// Its place among the spans of its trace.
    pub(super) fn cursor(&self) -> SpanCursor {
        SpanCursor {
            start: UnixNanos::new(self.start_ns),
            span_id: self.span_id,
            digest: self.digest,
        }
    }

    /// Where values stood that are kept apart.
    pub(super) fn payloads(&self) -> Result<Vec<Reference>, ReadError> {
        payload::references(self.payloads.as_deref())
    }

    /// First instant of the day it lies in.
    pub(super) fn day_ns(&self) -> i64 {
        day_ns(self.start_ns)
    }

    /// The span, with the name the dictionary gives.
    pub(super) fn into_span(self, trace_id: TraceId, name: String) -> Result<Span, ReadError> {
        let start = UnixNanos::new(self.start_ns);
        Ok(Span {
            trace_id,
            span_id: span_id(self.span_id)?,
            parent_span_id: self.parent_span_id.map(span_id).transpose()?,
            trace_state: text(self.trace_state),
            flags: bits(self.flags),
            name: Cow::Owned(name),
            kind: SpanKind::from_code(self.kind.into()),
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

fn events(bytes: Option<&[u8]>) -> Result<Vec<SpanEvent>, ReadError> {
    binary::decode_events(bytes.unwrap_or_default()).map_err(|_| corrupt("spans.events")())
}

fn span_id(bits: i64) -> Result<SpanId, ReadError> {
    SpanId::from_i64(bits).map_err(|_| corrupt("spans.span_id")())
}

fn text(text: Option<String>) -> Cow<'static, str> {
    text.map_or(Cow::Borrowed(""), Cow::Owned)
}

/// The unsigned number whose bits an `integer` column holds; NULL is zero.
fn bits(number: Option<i32>) -> u32 {
    number.unwrap_or_default() as u32
}
