//! Encodes spans and log records as OTLP JSON. [`decode_json`](super::decode_json) and
//! [`decode_logs_json`](super::decode_logs_json) read the same data back.
//!
//! The encoding is protobuf's JSON form with OTLP's exceptions: ids in hexadecimal, enums as
//! numbers, 64-bit integers as text, keys in `camelCase`. Doubles that are not finite are `"NaN"`,
//! `"Infinity"` or `"-Infinity"`. Empty fields are left out.
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

/// The spans of one scope of one resource.
pub type SpansOf<'a> = ItemsOf<'a, Span>;
/// The log records of one scope of one resource.
pub type LogsOf<'a> = ItemsOf<'a, LogRecord>;

/// Encodes `groups` as one `TracesData` without a line break. It is a valid
/// `ExportTraceServiceRequest` as well.
///
/// Consecutive groups with the same resource (the same reference) share one resource object.
pub fn encode_json(groups: &[SpansOf<'_>]) -> Vec<u8> {
    envelope::encode(groups)
}

/// Encodes `groups` as one `LogsData` without a line break. It is a valid
/// `ExportLogsServiceRequest` as well; see [`encode_json`].
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
