//! Tests that official decoders read the requests, and that these match the plan.

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message as _;
use throughline_wire::UnixNanos;

use super::client::read_answer;
use super::*;

const NOW: UnixNanos = UnixNanos::new(1_795_269_600_000_000_000);

fn options(format: Format, shape: Shape) -> LoadOptions {
    LoadOptions {
        url: "http://127.0.0.1:1".to_owned(),
        format,
        shape,
        spans: 200.try_into().expect("not zero"),
        per_request: 100.try_into().expect("not zero"),
        clients: 1.try_into().expect("not zero"),
        seed: 1,
        late_percent: 5.0,
        duplicate_percent: 1.0,
        malformed_percent: 2.0,
        large_trace_every: 0,
        gzip: false,
        rate: None,
        timeout_s: 1,
        begin_ns: None,
        json: false,
    }
}

fn body(options: &LoadOptions, request: u64) -> (Plan, bytes::Bytes) {
    let plan = Plan::new(options, NOW);
    let body = Bodies::new(options, &plan)
        .expect("writes")
        .body(&plan, request);
    (plan, body)
}

#[test]
fn both_otlp_encodings_are_equal_and_match_the_plan() {
    for shape in [Shape::S, Shape::M, Shape::L, Shape::Varied] {
        let (plan, bytes) = body(&options(Format::OtlpProtobuf, shape), 1);
        let binary = ExportTraceServiceRequest::decode(bytes).expect("protobuf");
        let (_, bytes) = body(&options(Format::OtlpJson, shape), 1);
        let json: ExportTraceServiceRequest = serde_json::from_slice(&bytes).expect("OTLP JSON");
        assert_eq!(binary, json);
        let spans = &binary.resource_spans[0].scope_spans[0].spans;
        assert_eq!(spans.len(), 100);
        for (at, span) in spans.iter().enumerate() {
            let identity = plan.identity(1, at as u64);
            assert_eq!(span.trace_id, identity.trace_id.to_be_bytes());
            assert_eq!(span.span_id, identity.span_id.to_be_bytes());
            assert_eq!(span.start_time_unix_nano, identity.start_ns as u64);
            assert_eq!(span.end_time_unix_nano, identity.end_ns as u64);
            assert_eq!(span.parent_span_id.is_empty(), Plan::is_root(at as u64));
        }
        let attributes = spans[1].attributes.len();
        let expected = match shape {
            Shape::S => (3, 0),
            Shape::M | Shape::Varied => (11, 0),
            Shape::L => (30, 2),
        };
        assert_eq!((attributes, spans[1].events.len()), expected);
    }
}

#[test]
fn the_native_batch_has_the_same_spans() {
    let options = options(Format::Native, Shape::L);
    let (plan, bytes) = body(&options, 1);
    let batch: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
    let spans = batch["spans"].as_array().expect("spans");
    for (at, span) in spans.iter().enumerate() {
        let identity = plan.identity(1, at as u64);
        assert_eq!(span["trace_id"], format!("{:032x}", identity.trace_id));
        assert_eq!(span["span_id"], format!("{:016x}", identity.span_id));
        assert_eq!(span["start_ns"], identity.start_ns.to_string());
        assert_eq!(
            span["attributes"].as_object().map(serde_json::Map::len),
            Some(30)
        );
    }
}

#[test]
fn spans_have_the_documented_benchmark_sizes() {
    for (shape, bytes) in [
        (Shape::S, 130..230),
        (Shape::M, 400..560),
        (Shape::L, 1_700..2_400),
        (Shape::Varied, 440..560),
    ] {
        let (_, body) = body(&options(Format::OtlpProtobuf, shape), 0);
        let size = body.len() / 100;
        assert!(bytes.contains(&size), "{shape:?}: {size}");
    }
}

#[test]
fn each_request_of_varied_spans_has_different_values() {
    let options = options(Format::OtlpProtobuf, Shape::Varied);
    let values = |request| {
        let request =
            ExportTraceServiceRequest::decode(body(&options, request).1).expect("protobuf");
        let spans = request.resource_spans[0].scope_spans[0].spans.clone();
        let ids = spans.iter().map(|span| {
            let id = span.attributes.iter().find(|pair| pair.key == "request.id");
            format!("{:?}", id.expect("is there").value)
        });
        ids.collect::<std::collections::BTreeSet<_>>()
    };
    let (one, other) = (values(0), values(1));
    assert_eq!((one.len(), other.len()), (100, 100));
    assert!(one.is_disjoint(&other));
}

#[test]
fn the_responses_of_each_receiver_are_parsed() {
    let partial_success = ExportTracePartialSuccess {
        rejected_spans: 300,
        error_message: "x".to_owned(),
    };
    let answer = ExportTraceServiceResponse {
        partial_success: Some(partial_success),
    };
    let protobuf = answer.encode_to_vec();
    assert_eq!(read_answer(Format::OtlpProtobuf, &protobuf), (0, 300));
    assert_eq!(read_answer(Format::OtlpProtobuf, &[]), (0, 0));
    let json = br#"{"partialSuccess":{"rejectedSpans":"3"}}"#;
    assert_eq!(read_answer(Format::OtlpJson, json), (0, 3));
    let native = br#"{"received":1,"duplicate":2,"rejected":[{"index":0,"reason":"x"}]}"#;
    assert_eq!(read_answer(Format::Native, native), (2, 1));
}
