//! Limits the bytes of resources and scopes.

use throughline_wire::{Attributes, Repair, semconv};

use super::Notes;
use crate::binary::approximate_size;
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
        budget.take(semconv::SERVICE_NAME.len() + approximate_size(name));
    }
    let entries = attributes.entries_mut();
    let count = entries.len();
    entries.retain(|(key, value)| {
        key == semconv::SERVICE_NAME || budget.take(key.len() + approximate_size(value))
    });
    let dropped = count - entries.len();
    if dropped > 0 {
        notes.insert(Repair::AttributesDropped);
        let dropped = u32::try_from(dropped).unwrap_or(u32::MAX);
        *dropped_count = dropped_count.saturating_add(dropped);
    }
}
