//! Log records and domain events, in the terms of the OpenTelemetry logs data model.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};

use crate::resource::is_zero;
use crate::{AttributeValue, Attributes, SpanId, TraceId, UnixNanos};

/// A log record, or an event if it has a name (OpenTelemetry logs data model). It happened at one
/// moment, inside a span or outside of any.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(expecting = "a log record object")]
pub struct LogRecord {
    /// The time it happened. If it is missing, validation uses the observed time.
    #[serde(rename = "time_ns", default)]
    pub time: UnixNanos,
    /// The time the collector first observed it; zero if unknown.
    #[serde(
        rename = "observed_ns",
        default,
        skip_serializing_if = "is_zero_instant"
    )]
    pub observed: UnixNanos,
    /// The trace it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<TraceId>,
    /// The span it happened in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_id: Option<SpanId>,
    /// The parent of that span, if the sender reported it. An extension of ours: OTLP has no such
    /// field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_span_id: Option<SpanId>,
    /// OTLP log record flags (W3C trace flags in the low 8 bits).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub flags: u32,
    /// The severity number, 1 to 24; 0 if unspecified. See [`LogRecord::severity_from_code`].
    #[serde(
        default,
        deserialize_with = "severity",
        skip_serializing_if = "is_unspecified"
    )]
    pub severity_number: u8,
    /// The original name of the severity at the source.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub severity_text: Cow<'static, str>,
    /// The event name, such as `order.placed`; empty for a plain log record.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub event_name: Cow<'static, str>,
    /// The body, mostly a text.
    #[serde(default, skip_serializing_if = "is_empty_value")]
    pub body: AttributeValue,
    /// The attributes.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// The number of attributes the sender dropped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_attributes_count: u32,
}

impl LogRecord {
    /// The highest severity number, `FATAL4`.
    pub const MAX_SEVERITY: u8 = 24;
    /// The lowest severity number of an error, `ERROR`.
    pub const MIN_ERROR_SEVERITY: u8 = 17;

    /// Returns the severity number for an OTLP code; 0 (unspecified) for codes that OTLP does not
    /// define.
    pub const fn severity_from_code(code: i64) -> u8 {
        if code >= 1 && code <= Self::MAX_SEVERITY as i64 {
            code as u8
        } else {
            0
        }
    }

    /// Returns the short name of a severity number, such as `INFO`; empty for 0 (logs data model,
    /// "Severity Fields").
    pub const fn severity_word(number: u8) -> &'static str {
        match number {
            1..=4 => "TRACE",
            5..=8 => "DEBUG",
            9..=12 => "INFO",
            13..=16 => "WARN",
            17..=20 => "ERROR",
            21..=Self::MAX_SEVERITY => "FATAL",
            _ => "",
        }
    }
}

fn severity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    i64::deserialize(deserializer).map(LogRecord::severity_from_code)
}

#[cfg_attr(
    not(target_pointer_width = "32"),
    expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde hands over a reference"
    )
)]
fn is_zero_instant(instant: &UnixNanos) -> bool {
    *instant == UnixNanos::default()
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
const fn is_unspecified(severity: &u8) -> bool {
    *severity == 0
}

fn is_empty_value(value: &AttributeValue) -> bool {
    *value == AttributeValue::Empty
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_severity_number_has_the_text_of_its_range() {
        assert_eq!(LogRecord::severity_word(0), "");
        assert_eq!(LogRecord::severity_word(9), "INFO");
        assert_eq!(LogRecord::severity_word(24), "FATAL");
        assert_eq!(LogRecord::severity_word(25), "");
        for code in [-1, 0, 25, i64::MAX, 256 + 9] {
            assert_eq!(LogRecord::severity_from_code(code), 0);
        }
        assert_eq!(LogRecord::severity_from_code(17), 17);
    }
}
