//! What a span that cannot be read is answered with.

use serde_json::{Value, json};

use crate::otlp::decode_json;

#[test]
fn the_reason_is_in_the_words_of_the_sender() {
    let of = |span: &Value| {
        let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string();
        let request = decode_json(body.as_bytes()).expect("a request");
        request.rejected[0].reason.clone()
    };
    let with = |key: &str, value: Value| {
        let mut span = json!({
            "traceId": "5b8efff798038103d269b633813fc60c",
            "spanId": "eee19b7ec3c1b174",
        });
        span[key] = value;
        of(&span)
    };
    assert_eq!(
        of(&json!(null)),
        "invalid type: null, expected a span object"
    );
    assert_eq!(
        with("traceId", json!("0".repeat(32))),
        "traceId: is all zeros"
    );
    assert_eq!(
        with("spanId", json!("00")),
        "spanId: has the wrong length; it takes 16 hexadecimal characters (8 bytes)"
    );
    assert_eq!(
        with("status", json!(5)),
        "invalid type: integer `5`, expected a status object"
    );
    let value = json!([{"key": "k", "value": {"bytesValue": "*"}}]);
    assert_eq!(
        with("attributes", value),
        "bytesValue is not base64: Invalid symbol 42, offset 0."
    );
}
