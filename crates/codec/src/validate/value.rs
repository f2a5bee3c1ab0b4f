//! Removes NUL from attribute values and limits their size and depth.

use std::borrow::Cow;

use throughline_wire::AttributeValue;
use throughline_wire::attribute::{MAX_DEPTH, TOO_DEEP};

use super::{Limits, Notes, Repair, text};

/// The bytes that [`cut`] reserves for the suffix.
const SUFFIX_BYTES: usize = 64;

/// Repairs the value of an attribute.
pub(super) fn repair(value: &mut AttributeValue, limits: &Limits, notes: &mut Notes) {
    match value {
        // The common case.
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

/// Replaces NUL, cuts keys and replaces values nested too deep. Returns the size of the value in
/// bytes.
fn clean(value: &mut AttributeValue, depth: usize, limits: &Limits, notes: &mut Notes) -> usize {
    if depth > MAX_DEPTH {
        // Decoders have replaced deep values already; code that builds a value may not have.
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

/// Returns the size as the limit counts it, in bytes: the length of texts and bytes, and the stored
/// size of other scalars.
fn leaf_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::Str(text) => text.len(),
        AttributeValue::Bytes(bytes) => bytes.len(),
        AttributeValue::Int(_) | AttributeValue::Double(_) => 8,
        _ => 1,
    }
}

/// Keeps the first `budget` bytes of a value and puts the suffix where the budget ends. Sets the
/// budget to `None` there, which tells the enclosing value to drop all items that follow. The
/// depth-first order therefore keeps a prefix of the value and cuts at exactly one place.
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
