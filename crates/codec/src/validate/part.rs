//! Limits the bytes of resources and scopes.

use throughline_wire::{AttributeValue, Attributes, Repair, semconv};

use super::Notes;
use crate::budget::PartBudget;

/// Drops the attributes that are not within the budget and counts them as dropped. The name of the
/// service stays, so that its spans are found.
pub(super) fn bound(
    attributes: &mut Attributes,
    dropped_count: &mut u32,
    budget: &mut PartBudget,
    notes: &mut Notes,
) {
    budget.begin_part();
    if let Some(name) = attributes.get(semconv::SERVICE_NAME) {
        budget.take(semconv::SERVICE_NAME.len() + size(name));
    }
    let entries = attributes.entries_mut();
    let count = entries.len();
    entries.retain(|(key, value)| {
        key == semconv::SERVICE_NAME || budget.take(key.len() + size(value))
    });
    let dropped = count - entries.len();
    if dropped > 0 {
        notes.insert(Repair::AttributesDropped);
        let dropped = u32::try_from(dropped).unwrap_or(u32::MAX);
        *dropped_count = dropped_count.saturating_add(dropped);
    }
}

/// Returns the approximate encoded size of a value in bytes. Repair has bounded its depth.
fn size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::Str(text) => text.len(),
        AttributeValue::Bytes(bytes) => bytes.len(),
        AttributeValue::Array(values) => values.iter().map(|value| 2 + size(value)).sum(),
        AttributeValue::Map(attributes) => attributes
            .iter()
            .map(|(key, value)| 4 + key.len() + size(value))
            .sum(),
        _ => 8,
    }
}
