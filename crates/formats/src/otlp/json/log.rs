//! A log record in JSON.

use serde::Deserialize;
use throughline_wire::{LogRecord, Marks};

use super::any_value::{AnyValue, KeyValues};
use super::id::optional_id;
use crate::lenient::{Enum, Number};
use crate::otlp::name_event;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a log record object")]
pub(super) struct JsonLogRecord {
    #[serde(default, alias = "time_unix_nano")]
    time_unix_nano: Number,
    #[serde(default, alias = "observed_time_unix_nano")]
    observed_time_unix_nano: Number,
    #[serde(default, alias = "severity_number")]
    severity_number: Enum,
    #[serde(alias = "severity_text")]
    severity_text: Option<String>,
    #[serde(default)]
    body: AnyValue,
    #[serde(default)]
    attributes: KeyValues,
    #[serde(default, alias = "dropped_attributes_count")]
    dropped_attributes_count: Number,
    #[serde(default)]
    flags: Number,
    #[serde(alias = "trace_id")]
    trace_id: Option<String>,
    #[serde(alias = "span_id")]
    span_id: Option<String>,
    /// Ours: what `export` writes, and OTLP has no field for.
    #[serde(alias = "parent_span_id")]
    parent_span_id: Option<String>,
    #[serde(alias = "event_name")]
    event_name: Option<String>,
}

/// Names of severities in protobuf, in the order of their numbers.
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

/// What the record says; the reason when an id of it is none.
pub(super) fn log_record(sent: JsonLogRecord, marks: &mut Marks) -> Result<LogRecord, String> {
    marks.extend(sent.body.marks);
    let severity = sent.severity_number.code("SEVERITY_NUMBER_", &SEVERITIES);
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
        body: sent.body.value,
        attributes: sent.attributes.into_attributes(marks),
        dropped_attributes_count: sent.dropped_attributes_count.count(),
    };
    name_event(&mut record);
    Ok(record)
}
