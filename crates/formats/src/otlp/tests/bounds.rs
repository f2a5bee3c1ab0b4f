//! What a request makes here is bounded by what it may hold, not by what it can be packed into.

use throughline_wire::binary::writer;

use crate::Request;
use crate::otlp::{decode_json, decode_logs_json, decode_logs_protobuf, decode_protobuf};

#[test]
fn scopes_and_resources_without_items_leave_nothing_behind() {
    let mut scopes = Vec::new();
    writer::bytes(1, &[0x12, 0].repeat(200_000), &mut scopes);
    for body in [scopes, [0x0a, 0].repeat(200_000)] {
        for decode in [decode_protobuf, decode_logs_protobuf] {
            assert_eq!(decode(&body).expect("a request"), Request::default());
        }
    }
    let empty = vec!["{}"; 1_000].join(",");
    for (signal, decode) in [
        ("Spans", decode_json as fn(&[u8]) -> _),
        ("Logs", decode_logs_json),
    ] {
        for body in [
            format!("{{\"resource{signal}\":[{empty}]}}"),
            format!("{{\"resource{signal}\":[{{\"scope{signal}\":[{empty}]}}]}}"),
        ] {
            let request: Result<Request, _> = decode(body.as_bytes());
            assert_eq!(request.expect("a request"), Request::default());
        }
    }
}
