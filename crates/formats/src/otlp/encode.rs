//! Writes spans and log records as OTLP JSON, so that [`decode_json`](super::decode_json) and
//! [`decode_logs_json`](super::decode_logs_json) read back the same.
//!
//! The form is protobuf's for JSON with OTLP's exceptions: ids in hexadecimal, enums as numbers,
//! 64-bit numbers as text, keys in `camelCase`. A double without a number is `"NaN"`,
//! `"Infinity"` or `"-Infinity"`. Fields that hold nothing are left out.
//!
//! Source: OpenTelemetry Protocol specification 1.10, "JSON Protobuf Encoding".

mod any_value;
mod envelope;
mod log;
mod span;
#[cfg(test)]
mod tests;

use throughline_wire::{LogRecord, Span};

pub use self::envelope::ItemsOf;

/// Spans of one scope of one resource.
pub type SpansOf<'a> = ItemsOf<'a, Span>;
/// Log records of one scope of one resource.
pub type LogsOf<'a> = ItemsOf<'a, LogRecord>;

/// Writes `groups` as one `TracesData`, which is one `ExportTraceServiceRequest` as well, without
/// a line break.
///
/// Groups that follow one another and share their resource (the same reference) share its object.
pub fn encode_json(groups: &[SpansOf<'_>]) -> Vec<u8> {
    envelope::encode(groups)
}

/// Writes `groups` as one `LogsData`, which is one `ExportLogsServiceRequest` as well; see
/// [`encode_json`].
pub fn encode_logs_json(groups: &[LogsOf<'_>]) -> Vec<u8> {
    envelope::encode(groups)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_zero(count: &u32) -> bool {
    *count == 0
}
