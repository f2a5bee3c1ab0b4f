//! Text of every shape, read a few bytes at a time.

use std::io::BufReader;

use proptest::prelude::*;

use super::*;

/// Creates a scanner that reads a few bytes at a time.
fn scanner(text: &str, window: usize) -> Scanner<BufReader<&[u8]>> {
    Scanner::new(BufReader::with_capacity(window, text.as_bytes()), 1)
}

fn text_of(raw: Raw) -> String {
    String::from_utf8(raw.text.expect("short enough")).expect("text")
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "\\PC{0,6}".prop_map(Into::into),
        "[\\\\\"{}\\[\\],:]{0,6}".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map("[\\\\\"{a]{0,3}", inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn elements_are_extracted_unchanged(
        values in prop::collection::vec(json(), 0..5), window in 1_usize..9, pretty: bool,
    ) {
        let list = serde_json::Value::from(values.clone());
        let text = if pretty { format!("{list:#}") } else { list.to_string() };
        let mut scanner = scanner(&text, window);
        scanner.expect(b'[').expect("an array");
        let mut taken: Vec<serde_json::Value> = Vec::new();
        while scanner.next_element(taken.is_empty()).expect("an array") {
            let raw = text_of(scanner.value(1 << 20).expect("a value"));
            taken.push(serde_json::from_str(&raw).expect("JSON"));
        }
        prop_assert_eq!(taken, values);
        prop_assert_eq!(scanner.offset(), text.len());
    }

    #[test]
    fn any_text_gives_a_value_or_a_fault(text in "[\\[\\]{}\",:a1\\\\ \n]{0,30}") {
        let mut scanner = scanner(&text, 3);
        let _ = scanner.value(5);
    }
}

#[test]
fn fields_are_walked_with_their_lines() {
    let text = "\u{feff}{\n \"a\": 1,\n \"b\\u0063\" :[\n2],\n \"d\": true}\n";
    let mut scanner = scanner(text, 4);
    scanner.expect(b'{').expect("an object");
    let mut fields = Vec::new();
    while let Some(key) = scanner.next_key(fields.is_empty()).expect("an object") {
        let raw = scanner.value(100).expect("a value");
        fields.push((key, raw.line, text_of(raw)));
    }
    let expected = [("a", 2, "1"), ("bc", 3, "[\n2]"), ("d", 5, "true")];
    let expected = expected.map(|(key, line, text)| (key.to_owned(), line, text.to_owned()));
    assert_eq!(fields, expected);
}

#[test]
fn a_value_longer_than_the_limit_is_skipped() {
    let mut scanner = scanner("[\"0123456789\", 2]", 4);
    scanner.expect(b'[').expect("an array");
    assert!(scanner.next_element(true).expect("goes on"));
    assert_eq!(scanner.value(5).expect("a value").text, None);
    assert!(scanner.next_element(false).expect("goes on"));
    assert_eq!(text_of(scanner.value(5).expect("a value")), "2");
}

#[test]
fn a_fault_has_its_line_and_reason() {
    let fault = |text: &str| {
        let mut scanner = scanner(text, 4);
        let fault = scanner
            .expect(b'[')
            .and_then(|()| scanner.value(9).map(drop));
        fault.expect_err("a fault").to_string()
    };
    assert_eq!(fault("\n{"), "line 2: expected '[', found '{'");
    assert_eq!(fault("["), "line 1: expected a value, but the text ends");
    assert_eq!(fault("[\"ab"), "line 1: the text ends within a value");
    assert_eq!(
        fault("[\u{1}"),
        "line 1: expected a value, found the byte 0x01"
    );
}
