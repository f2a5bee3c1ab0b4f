//! Tests of resources and scopes that are too large.

use super::*;
use crate::budget::{PART_BYTES, REQUEST_PART_BYTES};

/// Returns a resource of `mebibytes` values, before the name of its service.
fn large(mebibytes: usize) -> Resource {
    let mut resource = Resource::default();
    for at in 0..mebibytes {
        let value = "v".repeat((1 << 20) - 100);
        resource.attributes.insert(format!("k{at}"), value);
    }
    resource.attributes.insert(semconv::SERVICE_NAME, "shop");
    resource
}

fn bytes(attributes: &Attributes) -> usize {
    let texts = attributes.iter().filter_map(|(_, value)| value.as_str());
    texts.map(str::len).sum()
}

#[test]
fn a_resource_keeps_its_first_4_mib_of_values_and_the_name_of_its_service() {
    let mut budget = PartBudget::for_request();
    let resource = validate_resource(large(6), &Limits::default(), Repairs::NONE, &mut budget);
    assert_eq!(resource.dropped_attributes_count, 2);
    let size = bytes(&resource.attributes);
    assert!(size <= PART_BYTES && size > PART_BYTES - 1000, "{size}");
    assert_eq!(resource.service_name(), "shop");
    let kinds = RepairSet::of(&resource.attributes);
    assert!(kinds.contains(Repair::AttributesDropped));
}

#[test]
fn a_scope_has_the_same_limit_and_a_small_attribute_after_a_large_one_stays() {
    let mut scope = InstrumentationScope {
        attributes: large(5).attributes,
        ..InstrumentationScope::default()
    };
    scope.attributes.insert("small", "s");
    let mut budget = PartBudget::for_request();
    let scope = validate_scope(scope, &Limits::default(), Repairs::NONE, &mut budget);
    assert_eq!(scope.dropped_attributes_count, 1);
    assert_eq!(scope.attributes.get_str("small"), Some("s"));
}

#[test]
fn all_parts_of_a_request_share_a_limit() {
    let mut budget = PartBudget::for_request();
    let parts = 0..REQUEST_PART_BYTES / PART_BYTES + 4;
    let sizes = parts.map(|_| {
        let part = validate_resource(large(4), &Limits::default(), Repairs::NONE, &mut budget);
        assert_eq!(part.service_name(), "shop");
        bytes(&part.attributes)
    });
    let sum: usize = sizes.sum();
    let around = REQUEST_PART_BYTES - PART_BYTES..REQUEST_PART_BYTES + 1000;
    assert!(around.contains(&sum), "{sum}");
}
