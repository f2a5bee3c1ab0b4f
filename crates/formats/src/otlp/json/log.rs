//! Decodes a log record from JSON.

use throughline_codec::context::DecodeContext;
use throughline_codec::json_struct;
use throughline_wire::LogRecord;

use super::any_value::{AnyValue, KeyValues};
use super::id::optional_id;
use crate::lenient::{Enum, Number};
use crate::otlp::name_event;

json_struct! {
    pub(super) struct JsonLogRecord: "a log record object" {
        time_unix_nano: Number = "timeUnixNano" | "time_unix_nano";
        observed_time_unix_nano: Number = "observedTimeUnixNano" | "observed_time_unix_nano";
        severity_number: Enum = "severityNumber" | "severity_number";
        severity_text: Option<String> = "severityText" | "severity_text";
        body: AnyValue = "body";
        attributes: KeyValues = "attributes";
        dropped_attributes_count: Number = "droppedAttributesCount" | "dropped_attributes_count";
        flags: Number = "flags";
        trace_id: Option<String> = "traceId" | "trace_id";
        span_id: Option<String> = "spanId" | "span_id";
        /// A Throughline extension that `export` writes. OTLP has no such field.
        parent_span_id: Option<String> = "parentSpanId" | "parent_span_id";
        event_name: Option<String> = "eventName" | "event_name";
    }
}

/// The names of severities in protobuf, in the order of their numbers.
const SEVERITIES: [&str; 25] = [
    "UNSPECIFIED",
    "TRACE",
    "TRACE2",
    "TRACE3",
    "TRACE4",
    "DEBUG",
    "DEBUG2",
    "DEBUG3",
    "DEBUG4",
    "INFO",
    "INFO2",
    "INFO3",
    "INFO4",
    "WARN",
    "WARN2",
    "WARN3",
    "WARN4",
    "ERROR",
    "ERROR2",
    "ERROR3",
    "ERROR4",
    "FATAL",
    "FATAL2",
    "FATAL3",
    "FATAL4",
];

/// Converts a log record, or returns the reason why one of its ids is invalid.
pub(super) fn log_record(
    sent: JsonLogRecord,
    context: &mut DecodeContext,
) -> Result<LogRecord, String> {
    let severity = sent.severity_number.code("SEVERITY_NUMBER_", &SEVERITIES);
    let mut dropped_attributes_count = sent.dropped_attributes_count.count();
    let dropped = &mut dropped_attributes_count;
    let mut record = LogRecord {
        time: sent.time_unix_nano.instant(),
        observed: sent.observed_time_unix_nano.instant(),
        trace_id: optional_id(sent.trace_id.as_deref(), "traceId")?,
        span_id: optional_id(sent.span_id.as_deref(), "spanId")?,
        parent_span_id: optional_id(sent.parent_span_id.as_deref(), "parentSpanId")?,
        flags: sent.flags.count(),
        severity_number: LogRecord::severity_from_code(severity),
        severity_text: sent.severity_text.unwrap_or_default().into(),
        event_name: sent.event_name.unwrap_or_default().into(),
        body: sent.body.0,
        attributes: sent.attributes.into_attributes(dropped, context),
        dropped_attributes_count,
    };
    name_event(&mut record);
    Ok(record)
}
