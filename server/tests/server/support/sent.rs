//! Spans to send to a server, in every form.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use serde_json::{Value, json};
use throughline_server::clock::Clock;

/// The encoding of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Plain,
    Gzip,
    Zstd,
    Deflate,
}

impl Coding {
    pub(crate) const ALL: [Self; 4] = [Self::Plain, Self::Gzip, Self::Zstd, Self::Deflate];
    /// The encodings that change the bytes.
    pub(crate) const COMPRESSED: [Self; 3] = [Self::Gzip, Self::Zstd, Self::Deflate];

    /// Returns the value of `content-encoding`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Deflate => "deflate",
        }
    }

    pub(crate) fn encode(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain => bytes.to_vec(),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
                encoder.write_all(bytes).expect("memory");
                encoder.finish().expect("memory")
            }
            Self::Zstd => zstd::encode_all(bytes, 3).expect("memory"),
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
                encoder.write_all(bytes).expect("memory");
                encoder.finish().expect("memory")
            }
        }
    }
}

/// The receivers of the main port, each with one form of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiver {
    Native,
    OtlpProtobuf,
    OtlpJson,
}

impl Receiver {
    pub(crate) const ALL: [Self; 3] = [Self::Native, Self::OtlpProtobuf, Self::OtlpJson];

    pub(crate) fn path(self) -> &'static str {
        if self == Self::Native {
            "/api/trace-log"
        } else {
            "/v1/traces"
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        if self == Self::OtlpProtobuf {
            "application/x-protobuf"
        } else {
            "application/json"
        }
    }

    /// Returns a request with these spans of the service `shop`.
    pub(crate) fn body(self, spans: &[Span]) -> Vec<u8> {
        match self {
            Self::Native => {
                let spans: Vec<Value> = spans.iter().map(native).collect();
                let resource = json!({"attributes": {"service.name": "shop"}});
                json!({"resource": resource, "spans": spans})
                    .to_string()
                    .into_bytes()
            }
            Self::OtlpProtobuf => request(spans).encode_to_vec(),
            Self::OtlpJson => serde_json::to_vec(&request(spans)).expect("encodes"),
        }
    }

    /// Returns `{"rejected": <count>, "reasons": <text>}` for a response of any form.
    pub(crate) fn read_answer(self, bytes: &[u8]) -> Value {
        if self == Self::OtlpProtobuf {
            use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
            let answer = ExportTraceServiceResponse::decode(bytes).expect("protobuf");
            let partial = answer.partial_success.unwrap_or_default();
            return json!({"rejected": partial.rejected_spans, "reasons": partial.error_message});
        }
        let answer: Value = serde_json::from_slice(bytes).expect("JSON");
        if self == Self::OtlpJson {
            let partial = &answer["partialSuccess"];
            let rejected = partial["rejectedSpans"].as_str().unwrap_or("0");
            let rejected: u64 = rejected.parse().expect("a number");
            return json!({"rejected": rejected, "reasons": partial["errorMessage"]});
        }
        let rejected = answer["rejected"].as_array().map_or(0, Vec::len);
        json!({"rejected": rejected, "reasons": answer["rejected"].to_string(), "answer": answer})
    }
}

pub(crate) fn request(spans: &[Span]) -> ExportTraceServiceRequest {
    let resource = Resource {
        attributes: vec![text("service.name", "shop")],
        ..Default::default()
    };
    let scope_spans = ScopeSpans {
        spans: spans.to_vec(),
        ..Default::default()
    };
    let resource_spans = ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![scope_spans],
        ..Default::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![resource_spans],
    }
}

pub(crate) fn text(key: &str, value: &str) -> KeyValue {
    let value = AnyValue {
        value: Some(Any::StringValue(value.to_owned())),
    };
    KeyValue {
        key: key.to_owned(),
        value: Some(value),
        ..Default::default()
    }
}

/// Returns a span with a trace of its own that began a moment ago.
pub(crate) fn span(name: &str) -> Span {
    let now = u64::try_from(Clock::system().now().get()).expect("after 1970");
    Span {
        trace_id: uuid::Uuid::new_v4().as_bytes().to_vec(),
        span_id: uuid::Uuid::new_v4().as_bytes()[..8].to_vec(),
        name: name.to_owned(),
        kind: 2,
        start_time_unix_nano: now - 1_000_000_000,
        end_time_unix_nano: now,
        ..Span::default()
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a `String` does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Returns the span in the native form.
fn native(span: &Span) -> Value {
    let mut out = json!({
        "trace_id": hex(&span.trace_id),
        "span_id": hex(&span.span_id),
        "name": span.name,
        "kind": "server",
        "start_ns": span.start_time_unix_nano.to_string(),
        "end_ns": span.end_time_unix_nano.to_string(),
        "attributes": native_pairs(&span.attributes),
    });
    if !span.parent_span_id.is_empty() {
        out["parent_span_id"] = json!(hex(&span.parent_span_id));
    }
    out
}

fn native_pairs(pairs: &[KeyValue]) -> Value {
    let pairs = pairs
        .iter()
        .map(|pair| (pair.key.clone(), native_value(pair.value.as_ref())));
    Value::Object(pairs.collect())
}

fn native_value(value: Option<&AnyValue>) -> Value {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Any::StringValue(text)) => json!(text),
        Some(Any::BoolValue(truth)) => json!(truth),
        Some(Any::IntValue(number)) => json!(number),
        Some(Any::DoubleValue(number)) => json!(number),
        Some(Any::ArrayValue(array)) => array
            .values
            .iter()
            .map(|value| native_value(Some(value)))
            .collect(),
        Some(Any::KvlistValue(list)) => native_pairs(&list.values),
        _ => Value::Null,
    }
}
