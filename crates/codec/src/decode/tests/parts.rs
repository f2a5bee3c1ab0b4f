//! Tests that a bad part of the resource or of the scope costs that part alone.

use super::*;

#[test]
fn a_bad_part_of_the_resource_or_scope_is_repaired() {
    let good = json!({"service.name": "shop", "host.name": "h1"});
    for (what, part) in [
        ("a bad tag", json!({"attributes": {"n": {"$int": "many"}}})),
        (
            "a tag of another type",
            json!({"attributes": {"n": {"$bytes": 5}}}),
        ),
        (
            "a key beside a tag",
            json!({"attributes": {"n": {"$int": "1", "b": 2}}}),
        ),
        ("attributes that are a number", json!({"attributes": 5})),
        ("attributes that are a list", json!({"attributes": [1]})),
        (
            "a count of another type",
            json!({"attributes": good, "dropped_attributes_count": -1}),
        ),
        (
            "a schema of another type",
            json!({"attributes": good, "schema_url": {}}),
        ),
        (
            "a name of another type",
            json!({"attributes": good, "name": [], "schema_url": []}),
        ),
        ("a number", json!(5)),
        ("a list", json!([])),
    ] {
        for name in ["resource", "scope"] {
            let mut part = part.clone();
            if let Some(attributes) = part.get_mut("attributes").and_then(Value::as_object_mut) {
                attributes.insert("service.name".to_owned(), json!("shop"));
            }
            let batch = decode(&json!({name: part, "spans": [span_json()]}));
            assert_eq!(
                (batch.spans.len(), &batch.rejected[..]),
                (1, &[][..]),
                "{what}"
            );
            let (attributes, repairs) = if name == "resource" {
                (&batch.resource.attributes, batch.resource_repairs)
            } else {
                (&batch.scope.attributes, batch.scope_repairs)
            };
            assert!(
                repairs.kinds.contains(Repair::PartUnreadable),
                "{what} {name}"
            );
            if part.get("attributes").is_some_and(Value::is_object) {
                assert_eq!(attributes.get_str("service.name"), Some("shop"), "{what}");
            }
            if part["attributes"].get("n").is_some() {
                assert_eq!(
                    attributes.get_str("n"),
                    Some(&*part["attributes"]["n"].to_string())
                );
            }
        }
    }
}

#[test]
fn of_a_repeated_field_the_last_one_counts() {
    let text = r#"{"resource":{"attributes":{"a":"1"},"attributes":{"a":"2"}}}"#;
    let batch = decode_batch(text.as_bytes()).expect("a batch");
    assert_eq!(batch.resource.attributes.get_str("a"), Some("2"));
    assert!(
        batch
            .resource_repairs
            .kinds
            .contains(Repair::PartUnreadable)
    );
}
