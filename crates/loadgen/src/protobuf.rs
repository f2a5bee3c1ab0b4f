//! OTLP protobuf templates, written field by field (`opentelemetry/proto/trace/v1/trace.proto`).

use super::shape::{Pairs, SpanText, Value};
use super::template::{Field, Template};

/// Wire types.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn key(out: &mut Vec<u8>, field: u32, wire_type: u32) {
    varint(out, u64::from(field << 3 | wire_type));
}

fn bytes(out: &mut Vec<u8>, field: u32, content: &[u8]) {
    key(out, field, BYTES);
    varint(out, content.len() as u64);
    out.extend_from_slice(content);
}

fn message(out: &mut Template, field: u32, content: &Template) {
    key(&mut out.bytes, field, BYTES);
    varint(&mut out.bytes, content.bytes.len() as u64);
    out.append(content);
}

fn id(out: &mut Template, number: u32, field: Field, span: u32, width: usize) {
    key(&mut out.bytes, number, BYTES);
    varint(&mut out.bytes, width as u64);
    out.leave(field, span, width, 0);
}

fn instant(out: &mut Template, number: u32, field: Field, span: u32) {
    key(&mut out.bytes, number, FIXED64);
    out.leave(field, span, 8, 0);
}

fn pairs(out: &mut Vec<u8>, field: u32, pairs: &Pairs) {
    for (name, value) in pairs {
        let mut any = Vec::new();
        match value {
            Value::Text(text) => bytes(&mut any, 1, text.as_bytes()),
            Value::Int(number) => {
                key(&mut any, 3, VARINT);
                varint(&mut any, *number as u64);
            }
        }
        let mut pair = Vec::new();
        bytes(&mut pair, 1, name.as_bytes());
        bytes(&mut pair, 2, &any);
        bytes(out, field, &pair);
    }
}

fn span(text: &SpanText, at: u32) -> Template {
    let mut out = Template::default();
    id(&mut out, 1, Field::Trace, at, 16);
    id(&mut out, 2, Field::Span, at, 8);
    if !text.is_root {
        id(&mut out, 4, Field::Parent, at, 8);
    }
    bytes(&mut out.bytes, 5, text.name.as_bytes());
    key(&mut out.bytes, 6, VARINT);
    varint(&mut out.bytes, text.kind.into());
    instant(&mut out, 7, Field::Start, at);
    instant(&mut out, 8, Field::End, at);
    pairs(&mut out.bytes, 9, &text.attributes);
    for (name, attributes) in &text.events {
        let mut event = Template::default();
        instant(&mut event, 1, Field::Start, at);
        bytes(&mut event.bytes, 2, name.as_bytes());
        pairs(&mut event.bytes, 3, attributes);
        message(&mut out, 11, &event);
    }
    if text.is_error {
        let mut status = Vec::new();
        bytes(&mut status, 2, b"upstream said no");
        key(&mut status, 3, VARINT);
        varint(&mut status, 2);
        bytes(&mut out.bytes, 15, &status);
    }
    out
}

/// Returns a request of one service with these spans.
pub(super) fn template(spans: &[SpanText]) -> Template {
    let mut scope_spans = Template::default();
    let mut scope = Vec::new();
    bytes(&mut scope, 1, b"loadgen");
    bytes(&mut scope_spans.bytes, 1, &scope);
    for (at, text) in spans.iter().enumerate() {
        message(&mut scope_spans, 2, &span(text, at as u32));
    }
    let mut resource = Vec::new();
    let service = vec![("service.name", Value::Text("loadgen".to_owned()))];
    pairs(&mut resource, 1, &service);
    let mut resource_spans = Template::default();
    bytes(&mut resource_spans.bytes, 1, &resource);
    message(&mut resource_spans, 2, &scope_spans);
    let mut request = Template::default();
    message(&mut request, 1, &resource_spans);
    request
}
