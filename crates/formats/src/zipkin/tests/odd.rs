//! Tests of input that violates the format.

use super::*;

#[test]
fn a_bad_span_is_rejected_alone_with_its_index() {
    let with = |key: &str, value: Value| example_with(&[(key, value)]);
    let validated = read(&json!([
        with("traceId", json!("")),
        example(),
        with("traceId", json!("x5af7183fb1d4cf5f")),
        with("id", json!("0")),
        with("parentId", json!("352bff9a74ca9ad2ff")),
        with("timestamp", json!("soon")),
        with("tags", json!(["a"])),
        with("binaryAnnotations", json!([])),
        null,
        example_with(&[
            ("traceId", json!("77")),
            ("timestamp", json!(null)),
            ("duration", json!(null)),
            ("annotations", json!(null)),
        ]),
        with("timestamp", json!(-5)),
        example(),
        example_with(&[
            ("traceId", json!("78")),
            ("timestamp", json!(0)),
            ("parentId", json!(null)),
            ("annotations", json!(null)),
        ]),
    ]));
    let named: Vec<_> = validated
        .rejected
        .iter()
        .map(|rejection| (rejection.index, rejection.reason.as_str()))
        .collect();
    for ((index, reason), (expected_index, words)) in named.iter().zip([
        (0, "traceId: has the wrong length"),
        (2, "traceId: "),
        (3, "id: is all zeros"),
        (4, "parentId: has the wrong length"),
        (5, "soon"),
        (6, "sequence"),
        (7, "binaryAnnotations: is Zipkin's version 1"),
        (8, "a span object"),
        (9, "timestamp: is missing"),
        (10, "before 1970"),
        (12, "timestamp: is missing"),
    ]) {
        assert_eq!(*index, expected_index, "{named:?}");
        assert!(reason.contains(words), "{reason} / {words}");
    }
    assert_eq!(named.len(), 11);
    // Both are parts of one span. The part with the bad timestamp is rejected without them.
    assert_eq!(validated.indexes, [1]);
}

#[test]
fn tags_that_are_not_text_are_kept_at_any_depth() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let body = json!([example_with(&[(
        "tags",
        json!({"n": 5, "d": 0.5, "t": true, "none": null, "list": [1], "deep": "@",
               "huge": "#", "over": "$"}),
    )])]);
    let body = body
        .to_string()
        .replace("\"@\"", &deep)
        .replace("\"#\"", "18446744073709551615")
        .replace("\"$\"", "1e400");
    let validated = decode(body.as_bytes())
        .expect("a list")
        .validate(&Limits::default(), NOW);
    let span = spans(&validated)[0];
    let value = |key: &str| span.attributes.get(key).cloned().expect(key);
    assert_eq!(value("n"), 5.into());
    assert_eq!(value("d"), 0.5.into());
    assert_eq!(value("t"), true.into());
    assert_eq!(value("none"), AttributeValue::Empty);
    assert_eq!(value("list"), "[1]".into());
    assert_eq!(value("deep"), deep.into());
    assert_eq!(value("huge"), "18446744073709551615".into());
    assert_eq!(value("over"), "1e400".into());
}

#[test]
fn invalid_text_is_replaced_and_marked() {
    let body = json!([example_with(&[("tags", json!({"k": "@"}))])]).to_string();
    let lone = body.replace('@', "\\ud800").into_bytes();
    let mut broken = body.into_bytes();
    let at = broken.iter().position(|byte| *byte == b'@').expect("there");
    broken[at] = 0xff;
    for body in [lone, broken] {
        let validated = decode(&body)
            .expect("a list")
            .validate(&Limits::default(), NOW);
        let span = spans(&validated)[0];
        assert_eq!(span.attributes.get_str("k"), Some("\u{fffd}"));
        assert!(RepairSet::of(&span.attributes).contains(Repair::InvalidUtf8));
    }
}

#[test]
fn a_list_of_traces_is_read_as_a_list_of_spans_and_other_json_is_rejected() {
    let validated = read(&json!([
        [example()],
        [],
        [example_with(&[("id", json!("9"))])]
    ]));
    assert_eq!(spans(&validated).len(), 2);
    for empty in ["", " ", "[]"] {
        assert_eq!(decode(empty.as_bytes()), Ok(crate::Request::default()));
    }
    for (body, words) in [
        ("{}", "expected a list"),
        ("\u{feff}[]", "expected a list"),
        ("[{}", "line 1 column 3"),
        ("[] x", "trailing characters"),
    ] {
        let error = decode(body.as_bytes()).expect_err(body).to_string();
        assert!(error.contains(words), "{body}: {error}");
    }
    let many = format!("[{}]", vec!["{}"; 100_001].join(","));
    let error = decode(many.as_bytes()).expect_err("refused").to_string();
    assert!(error.contains("more than 100000"), "{error}");
}

proptest! {
    #[test]
    fn any_bytes_decode_as_a_request_or_fail(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn a_damaged_request_decodes_or_fails(at in any::<prop::sample::Index>(), byte: u8) {
        let mut body = json!([example(), example()]).to_string().into_bytes();
        let at = at.index(body.len());
        body[at] = byte;
        if let Ok(request) = decode(&body) {
            request.validate(&Limits::default(), NOW);
        }
        let _ = decode(&body[..at]);
    }
}
