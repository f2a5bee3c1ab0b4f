//! What comes through an OTLP door: traces or logs.

use throughline_formats::otlp::{
    decode_json, decode_logs_json, decode_logs_protobuf, pack_protobuf,
};
use throughline_formats::{DecodeError, Request};
use throughline_wire::Limits;
use throughline_wire::UnixNanos;

use super::response::Form;
use crate::ingest::answer::Kept;

/// Which request it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ingest) enum Signal {
    /// `ExportTraceServiceRequest`.
    Traces,
    /// `ExportLogsServiceRequest`.
    Logs,
}

impl Signal {
    /// One item of it, in the words of an answer.
    pub(super) const fn item(self) -> &'static str {
        match self {
            Self::Traces => "span",
            Self::Logs => "log record",
        }
    }

    /// The field of `partial_success` that counts rejected items, in JSON.
    pub(super) const fn rejected_field(self) -> &'static str {
        match self {
            Self::Traces => "rejectedSpans",
            Self::Logs => "rejectedLogRecords",
        }
    }

    /// What is counted of it.
    pub(super) const fn kept(self) -> Kept {
        match self {
            Self::Traces => Kept::Spans,
            Self::Logs => Kept::Events,
        }
    }

    /// Reads a request of it; `limits` and `now` are those of its validation.
    pub(super) fn decode(
        self,
        form: Form,
        bytes: &[u8],
        limits: &Limits,
        now: UnixNanos,
    ) -> Result<Request, DecodeError> {
        match (self, form) {
            (Self::Traces, Form::Protobuf) => pack_protobuf(bytes, limits, now),
            (Self::Traces, Form::Json) => decode_json(bytes),
            (Self::Logs, Form::Protobuf) => decode_logs_protobuf(bytes),
            (Self::Logs, Form::Json) => decode_logs_json(bytes),
        }
    }
}
