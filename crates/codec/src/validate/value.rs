//! Attribute values without NUL, of bounded size and depth.

use std::borrow::Cow;

use throughline_wire::AttributeValue;
use throughline_wire::attribute::{MAX_DEPTH, TOO_DEEP};

use super::{Limits, Notes, Repair, text};

/// What [`cut`] leaves free for the suffix.
const SUFFIX_BYTES: usize = 64;

/// Repairs the value of an attribute.
pub(super) fn repair(value: &mut AttributeValue, limits: &Limits, notes: &mut Notes) {
    match value {
        // What nearly all values are.
        AttributeValue::Str(text) => text::repair_value(text, limits.value_bytes, notes),
        AttributeValue::Empty
        | AttributeValue::Bool(_)
        | AttributeValue::Int(_)
        | AttributeValue::Double(_) => {}
        AttributeValue::Bytes(_) | AttributeValue::Array(_) | AttributeValue::Map(_) => {
            let size = clean(value, 1, limits, notes);
            if size > limits.value_bytes {
                let kept = limits.value_bytes.saturating_sub(SUFFIX_BYTES);
                notes.cut(size - kept);
                let mut budget = Some(kept);
                cut(value, &mut budget, size);
            }
        }
    }
}

/// Replaces NUL, cuts keys and ends what is nested too deep; returns the value's size.
fn clean(value: &mut AttributeValue, depth: usize, limits: &Limits, notes: &mut Notes) -> usize {
    if depth > MAX_DEPTH {
        // Decoders have put the marker here; whoever built the value in place may not have.
        *value = AttributeValue::Str(Cow::Borrowed(TOO_DEEP));
    }
    match value {
        AttributeValue::Str(text) => {
            if text == TOO_DEEP {
                notes.insert(Repair::NestedTooDeep);
            }
            text::replace_nul(text, notes);
        }
        AttributeValue::Array(values) => {
            let sizes = values
                .iter_mut()
                .map(|value| clean(value, depth + 1, limits, notes));
            return 1 + sizes.sum::<usize>();
        }
        AttributeValue::Map(attributes) => {
            let mut size = 1;
            let mut keys_changed = false;
            for (key, value) in attributes.entries_mut() {
                keys_changed |= text::repair_key(key, limits, notes);
                size += key.len() + clean(value, depth + 1, limits, notes);
            }
            if keys_changed {
                attributes.unify();
            }
            return size;
        }
        _ => {}
    }
    leaf_size(value)
}

/// Size as the limit counts it: of text and bytes their length; small values as they are stored.
fn leaf_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::Str(text) => text.len(),
        AttributeValue::Bytes(bytes) => bytes.len(),
        AttributeValue::Int(_) | AttributeValue::Double(_) => 8,
        _ => 1,
    }
}

/// Keeps the first `budget` bytes of a value and puts the suffix where they run out: then the
/// budget is nothing, and whoever holds this value drops what follows it.
fn cut(value: &mut AttributeValue, budget: &mut Option<usize>, true_size: usize) {
    let Some(left) = budget.take() else { return };
    match value {
        AttributeValue::Str(text) if text.len() > left => {
            text::cut_bytes(text, left + SUFFIX_BYTES, true_size);
        }
        AttributeValue::Bytes(bytes) if bytes.len() > left => {
            bytes.truncate(left);
            bytes.extend_from_slice(text::cut_suffix(true_size).as_bytes());
        }
        AttributeValue::Array(values) if left > 0 => {
            *budget = Some(left - 1);
            for at in 0..values.len() {
                cut(&mut values[at], budget, true_size);
                if budget.is_none() {
                    values.truncate(at + 1);
                    break;
                }
            }
        }
        AttributeValue::Map(attributes) if left > 0 => {
            *budget = Some(left - 1);
            let entries = attributes.entries_mut();
            for at in 0..entries.len() {
                let (key, value) = &mut entries[at];
                *budget = budget.and_then(|left| left.checked_sub(key.len()));
                if budget.is_some() {
                    cut(value, budget, true_size);
                } else {
                    *key = Cow::Borrowed("…");
                    *value = text::cut_suffix(true_size).into();
                }
                if budget.is_none() {
                    entries.truncate(at + 1);
                    attributes.unify();
                    break;
                }
            }
        }
        _ => match left.checked_sub(leaf_size(value)) {
            Some(left) => *budget = Some(left),
            None => *value = text::cut_suffix(true_size).into(),
        },
    }
}
