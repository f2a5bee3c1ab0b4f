//! Spans with their events, links and status, in the terms of the OpenTelemetry specification.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::resource::is_zero;
use crate::{Attributes, SpanId, TraceId, UnixNanos};

/// The role of a span in a call (OpenTelemetry trace API, "`SpanKind`").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpanKind {
    /// The sender did not set a kind.
    Unspecified,
    /// An operation inside a process; the default.
    #[default]
    Internal,
    /// The server side of a remote request.
    Server,
    /// The client side of a remote request.
    Client,
    /// The sending of a message to a broker or a job queue.
    Producer,
    /// The processing of a message or a job.
    Consumer,
}

impl SpanKind {
    /// Returns the number that OTLP and the store use.
    pub const fn code(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::Internal => 1,
            Self::Server => 2,
            Self::Client => 3,
            Self::Producer => 4,
            Self::Consumer => 5,
        }
    }

    /// Returns the kind for an OTLP number; unspecified for numbers that OTLP does not define.
    pub const fn from_code(code: i64) -> Self {
        match code {
            1 => Self::Internal,
            2 => Self::Server,
            3 => Self::Client,
            4 => Self::Producer,
            5 => Self::Consumer,
            _ => Self::Unspecified,
        }
    }

    /// Returns the name shown to users: `internal`, `server`, ...
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

/// The outcome of the operation (OpenTelemetry trace API, "Set Status").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusCode {
    /// No status was set; counts as success.
    #[default]
    Unset,
    /// The application declared success.
    Ok,
    /// The operation failed.
    Error,
}

impl StatusCode {
    /// Returns the number that OTLP and the store use.
    pub const fn code(self) -> u8 {
        match self {
            Self::Unset => 0,
            Self::Ok => 1,
            Self::Error => 2,
        }
    }

    /// Returns the status for an OTLP number; unset for numbers that OTLP does not define.
    pub const fn from_code(code: i64) -> Self {
        match code {
            1 => Self::Ok,
            2 => Self::Error,
            _ => Self::Unset,
        }
    }
}

/// A status code with a message.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(expecting = "a status object")]
pub struct Status {
    /// The outcome.
    #[serde(default)]
    pub code: StatusCode,
    /// The error message, for people; empty unless the code is `Error`.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub message: Cow<'static, str>,
}

impl Status {
    /// The status that declares neither success nor failure.
    pub const UNSET: Self = Self {
        code: StatusCode::Unset,
        message: Cow::Borrowed(""),
    };

    /// Creates a failure with an error message.
    pub fn error(message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: StatusCode::Error,
            message: message.into(),
        }
    }

    fn is_unset(&self) -> bool {
        self.code == StatusCode::Unset && self.message.is_empty()
    }
}

/// An event at one moment of a span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "an event object")]
pub struct SpanEvent {
    /// The time of the event.
    #[serde(rename = "time_ns")]
    pub time: UnixNanos,
    /// The name of the event, such as `exception`.
    pub name: Cow<'static, str>,
    /// The attributes.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// The number of attributes the sender dropped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_attributes_count: u32,
}

/// A causal relation to another span, in the same trace or another one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "a link object")]
pub struct SpanLink {
    /// The trace of the linked span.
    pub trace_id: TraceId,
    /// The linked span.
    pub span_id: SpanId,
    /// W3C `tracestate` of the linked span, as sent.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub trace_state: Cow<'static, str>,
    /// OTLP link flags (W3C trace flags in the low 8 bits).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub flags: u32,
    /// The attributes.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// The number of attributes the sender dropped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_attributes_count: u32,
}

/// A span that has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "a span object")]
pub struct Span {
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// The id of the span within the trace.
    pub span_id: SpanId,
    /// The parent span; `None` for a root span.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_span_id: Option<SpanId>,
    /// W3C `tracestate`, as sent.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub trace_state: Cow<'static, str>,
    /// OTLP span flags: W3C trace flags in the low 8 bits. Bit 8 is set if it is known whether the
    /// parent is remote, bit 9 if it is remote.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub flags: u32,
    /// The operation name, of low cardinality: `GET /products/{id}`.
    pub name: Cow<'static, str>,
    /// The role of the span in a call.
    #[serde(default)]
    pub kind: SpanKind,
    /// The start time.
    #[serde(rename = "start_ns")]
    pub start: UnixNanos,
    /// The end time; not before `start` after validation.
    #[serde(rename = "end_ns")]
    pub end: UnixNanos,
    /// The outcome.
    #[serde(default, skip_serializing_if = "Status::is_unset")]
    pub status: Status,
    /// The attributes.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// The number of attributes the sender dropped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_attributes_count: u32,
    /// The events, in the order sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<SpanEvent>,
    /// The number of events the sender dropped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_events_count: u32,
    /// The links to other spans, in the order sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<SpanLink>,
    /// The number of links the sender dropped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_links_count: u32,
    /// The sequence number of the span in its process, from 0; `None` if the sender does not number
    /// its spans (see [`BatchSequence`](crate::BatchSequence)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
}

impl Span {
    /// Creates an internal root span without a name that ends at its start. All other fields are
    /// empty.
    pub const fn new(trace_id: TraceId, span_id: SpanId, start: UnixNanos) -> Self {
        Self {
            trace_id,
            span_id,
            parent_span_id: None,
            trace_state: Cow::Borrowed(""),
            flags: 0,
            name: Cow::Borrowed(""),
            kind: SpanKind::Internal,
            start,
            end: start,
            status: Status::UNSET,
            attributes: Attributes::EMPTY,
            dropped_attributes_count: 0,
            events: Vec::new(),
            dropped_events_count: 0,
            links: Vec::new(),
            dropped_links_count: 0,
            sequence: None,
        }
    }

    /// Returns the nanoseconds from start to end; zero if the end is before the start.
    pub fn duration_ns(&self) -> i64 {
        self.end.since(self.start).max(0)
    }
}
