//! Spans, their events, links and status, in the terms of the OpenTelemetry specification.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::resource::is_zero;
use crate::{Attributes, SpanId, TraceId, UnixNanos};

/// What role a span plays in a call (OpenTelemetry trace API, "`SpanKind`").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpanKind {
    /// The sender did not say.
    Unspecified,
    /// Work inside a process; the default.
    #[default]
    Internal,
    /// Handling a remote request.
    Server,
    /// A call to a remote service.
    Client,
    /// Handing a message to a broker or a job queue.
    Producer,
    /// Handling a message or a job.
    Consumer,
}

impl SpanKind {
    /// The number OTLP and the store write.
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

    /// The kind OTLP writes as `code`; unspecified for numbers it does not define.
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

    /// The word shown to people: `internal`, `server`, ...
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

/// How the operation ended (OpenTelemetry trace API, "Set Status").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusCode {
    /// Nobody said; taken as success.
    #[default]
    Unset,
    /// Declared a success.
    Ok,
    /// Failed.
    Error,
}

impl StatusCode {
    /// The number OTLP and the store write.
    pub const fn code(self) -> u8 {
        match self {
            Self::Unset => 0,
            Self::Ok => 1,
            Self::Error => 2,
        }
    }

    /// The status OTLP writes as `code`; unset for numbers it does not define.
    pub const fn from_code(code: i64) -> Self {
        match code {
            1 => Self::Ok,
            2 => Self::Error,
            _ => Self::Unset,
        }
    }
}

/// A status with its explanation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(expecting = "a status object")]
pub struct Status {
    /// How it ended.
    #[serde(default)]
    pub code: StatusCode,
    /// What went wrong, for people; empty unless the code is an error.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub message: Cow<'static, str>,
}

impl Status {
    /// Success was not declared, nor failure.
    pub const UNSET: Self = Self {
        code: StatusCode::Unset,
        message: Cow::Borrowed(""),
    };

    /// A failure, with what went wrong.
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

/// Something that happened at one moment of a span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "an event object")]
pub struct SpanEvent {
    /// When.
    #[serde(rename = "time_ns")]
    pub time: UnixNanos,
    /// What, for example `exception`.
    pub name: Cow<'static, str>,
    /// Its values.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// How many attributes the sender dropped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_attributes_count: u32,
}

/// A causal relation to another span, of this trace or of another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "a link object")]
pub struct SpanLink {
    /// The trace of the linked span.
    pub trace_id: TraceId,
    /// The linked span.
    pub span_id: SpanId,
    /// W3C `tracestate` of the linked span, as it was sent.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub trace_state: Cow<'static, str>,
    /// OTLP link flags (W3C trace flags in the low 8 bits).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub flags: u32,
    /// Its values.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// How many attributes the sender dropped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_attributes_count: u32,
}

/// One operation that has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "a span object")]
pub struct Span {
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// Its id within the trace.
    pub span_id: SpanId,
    /// The span that caused it; none for the first of a trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_span_id: Option<SpanId>,
    /// W3C `tracestate`, as it was sent.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub trace_state: Cow<'static, str>,
    /// OTLP span flags (W3C trace flags in the low 8 bits; bits 8 and 9 say whether the parent is
    /// remote).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub flags: u32,
    /// The operation, of low cardinality: `GET /products/{id}`.
    pub name: Cow<'static, str>,
    /// Its role in a call.
    #[serde(default)]
    pub kind: SpanKind,
    /// When it began.
    #[serde(rename = "start_ns")]
    pub start: UnixNanos,
    /// When it ended; not before `start` once validated.
    #[serde(rename = "end_ns")]
    pub end: UnixNanos,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Status::is_unset")]
    pub status: Status,
    /// Its values.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// How many attributes the sender dropped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_attributes_count: u32,
    /// What happened in it, in the order sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<SpanEvent>,
    /// How many events the sender dropped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_events_count: u32,
    /// Spans it is related to, in the order sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<SpanLink>,
    /// How many links the sender dropped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_links_count: u32,
    /// Its number among the spans its process began, from 0; none when the sender does not number
    /// (see [`BatchSequence`](crate::BatchSequence)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
}

impl Span {
    /// Nanoseconds from start to end; zero when the end is before the start.
    pub fn duration_ns(&self) -> i64 {
        self.end.since(self.start).max(0)
    }
}
