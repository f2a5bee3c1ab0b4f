//! Encodes a log record as JSON.

use serde::Serialize;
use throughline_wire::{AttributeValue, LogRecord, SpanId, TraceId, UnixNanos};

use super::any_value::{AnyValue, KeyValues};
use super::is_zero;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogRecordJson<'a> {
    time_unix_nano: UnixNanos,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_time_unix_nano: Option<UnixNanos>,
    #[serde(skip_serializing_if = "is_unspecified")]
    severity_number: u8,
    #[serde(skip_serializing_if = "str::is_empty")]
    severity_text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<AnyValue<'a>>,
    #[serde(skip_serializing_if = "KeyValues::is_empty")]
    attributes: KeyValues<'a>,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_attributes_count: u32,
    #[serde(skip_serializing_if = "is_zero")]
    flags: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<TraceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    span_id: Option<SpanId>,
    /// A Throughline extension: OTLP has no such field. Other readers ignore unknown fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<SpanId>,
    #[serde(skip_serializing_if = "str::is_empty")]
    event_name: &'a str,
}

impl<'a> From<&'a LogRecord> for LogRecordJson<'a> {
    fn from(record: &'a LogRecord) -> Self {
        Self {
            time_unix_nano: record.time,
            observed_time_unix_nano: Some(record.observed)
                .filter(|observed| *observed != UnixNanos::default()),
            severity_number: record.severity_number,
            severity_text: &record.severity_text,
            body: (record.body != AttributeValue::Empty).then_some(AnyValue(&record.body)),
            attributes: KeyValues(&record.attributes),
            dropped_attributes_count: record.dropped_attributes_count,
            flags: record.flags,
            trace_id: record.trace_id,
            span_id: record.span_id,
            parent_span_id: record.parent_span_id,
            event_name: &record.event_name,
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
const fn is_unspecified(severity: &u8) -> bool {
    *severity == 0
}
