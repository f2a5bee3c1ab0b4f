//! Attributes as they are decoded, as far as the budget goes.

use std::borrow::Cow;

use throughline_wire::attribute::CUT_KEY;
use throughline_wire::{AttributeValue, Attributes, Repair};

use crate::context::DecodeContext;

/// Pairs of keys and values in the order they were read. Keys may repeat.
#[derive(Debug, Default)]
pub struct Pairs {
    list: Vec<(Cow<'static, str>, AttributeValue)>,
    left_out: usize,
}

impl Pairs {
    /// Spends one pair, of a set at depth 1 or of a map that a value holds; returns false when there is none.
    pub const fn take(&self, depth: usize, context: &mut DecodeContext) -> bool {
        if depth == 1 {
            context.budget.take_attribute(self.list.len())
        } else {
            context.budget.take_item()
        }
    }

    /// Adds a pair that was taken from the budget.
    pub fn push(&mut self, key: Cow<'static, str>, value: AttributeValue) {
        self.list.push((key, value));
    }

    /// Counts pairs that are left out.
    pub const fn leave_out(&mut self, count: usize) {
        self.left_out += count;
    }

    /// Returns the set; of a repeated key the last value.
    pub fn into_set(self) -> AttributeSet {
        AttributeSet {
            attributes: Attributes::from_pairs(self.list),
            left_out: self.left_out,
        }
    }

    /// Returns the map of a value, which ends with a text when pairs were left out.
    pub fn into_map(self, context: &mut DecodeContext) -> Attributes {
        let mut attributes = Attributes::from_pairs(self.list);
        if self.left_out > 0 {
            attributes.insert(CUT_KEY, context.cut_items(self.left_out));
        }
        attributes
    }
}

/// A set of attributes, and how many of its attributes were left out.
#[derive(Debug, Default, PartialEq)]
pub struct AttributeSet {
    /// Those that were read.
    pub attributes: Attributes,
    /// The number of those that were not.
    pub left_out: usize,
}

impl AttributeSet {
    /// Returns the attributes, and counts those left out among the dropped ones.
    pub fn into_attributes(self, dropped: &mut u32, context: &mut DecodeContext) -> Attributes {
        context.drop_items(self.left_out, dropped, Repair::AttributesDropped);
        self.attributes
    }
}
