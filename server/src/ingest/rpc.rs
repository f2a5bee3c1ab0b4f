//! A fault as `google.rpc.Status`: the body of OTLP/HTTP faults, and the status of gRPC.
//!
//! Source: google/rpc/status.proto, code.proto and `error_details.proto`.

use axum::http::StatusCode;
use serde_json::{Value, json};
use throughline_codec::binary::writer;

use super::fault::Fault;

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// `UNIMPLEMENTED` of google/rpc/code.proto.
pub(super) const UNIMPLEMENTED: u64 = 12;

impl Fault {
    /// Returns the canonical code. OTLP clients retry `DEADLINE_EXCEEDED` and `UNAVAILABLE`, and
    /// `RESOURCE_EXHAUSTED` if there is a `RetryInfo`. A request that can never succeed gets none
    /// of these codes.
    pub(super) const fn rpc_code(&self) -> u64 {
        match self.status {
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE => 3,
            StatusCode::REQUEST_TIMEOUT => 4,
            StatusCode::TOO_MANY_REQUESTS => 8,
            StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::NOT_IMPLEMENTED => UNIMPLEMENTED,
            StatusCode::SERVICE_UNAVAILABLE => 14,
            _ => 13,
        }
    }

    /// Returns the status in protobuf, with a `RetryInfo` if the same request may succeed later.
    pub(super) fn rpc_status(&self) -> Vec<u8> {
        let mut status = Vec::new();
        writer::varint(1, self.rpc_code(), &mut status);
        writer::bytes(2, self.detail.as_bytes(), &mut status);
        if let Some(delay) = self.retry_after {
            let mut duration = Vec::new();
            writer::varint(1, delay.as_secs(), &mut duration);
            writer::varint(2, delay.subsec_nanos().into(), &mut duration);
            let mut retry_info = Vec::new();
            writer::bytes(1, &duration, &mut retry_info);
            let mut any = Vec::new();
            writer::bytes(1, RETRY_INFO.as_bytes(), &mut any);
            writer::bytes(2, &retry_info, &mut any);
            writer::bytes(3, &any, &mut status);
        }
        status
    }

    /// Returns the status in protobuf's JSON form.
    pub(super) fn rpc_status_json(&self) -> Value {
        let mut status = json!({"code": self.rpc_code(), "message": self.detail});
        if let Some(delay) = self.retry_after {
            let delay = format!("{}.{:03}s", delay.as_secs(), delay.subsec_millis());
            status["details"] = json!([{"@type": RETRY_INFO, "retryDelay": delay}]);
        }
        status
    }
}
