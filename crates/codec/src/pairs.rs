//! Decodes attributes within the budget.

use std::borrow::Cow;

use throughline_wire::attribute::CUT_KEY;
use throughline_wire::{AttributeValue, Attributes, Repair};

use crate::context::DecodeContext;

/// Pairs of keys and values in the order they were decoded; keys may repeat.
#[derive(Debug, Default)]
pub struct Pairs {
    list: Vec<(Cow<'static, str>, AttributeValue)>,
    left_out: usize,
}

impl Pairs {
    /// Spends one pair of an attribute set (`depth` 1) or of a map inside a value. Returns false if
    /// the budget is spent.
    pub const fn take(&self, depth: usize, context: &mut DecodeContext) -> bool {
        if depth == 1 {
            context.budget.take_attribute(self.list.len())
        } else {
            context.budget.take_item()
        }
    }

    /// Adds a pair; the caller has spent it with [`Self::take`].
    pub fn push(&mut self, key: Cow<'static, str>, value: AttributeValue) {
        self.list.push((key, value));
    }

    /// Counts left-out pairs.
    pub const fn leave_out(&mut self, count: usize) {
        self.left_out += count;
    }

    /// Returns the attribute set. The last value of a repeated key wins.
    pub fn into_set(self) -> AttributeSet {
        AttributeSet {
            attributes: Attributes::from_pairs(self.list),
            left_out: self.left_out,
        }
    }

    /// Returns the map of a value. If pairs were left out, its last entry states their number.
    pub fn into_map(self, context: &mut DecodeContext) -> Attributes {
        let mut attributes = Attributes::from_pairs(self.list);
        if self.left_out > 0 {
            attributes.insert(CUT_KEY, context.cut_items(self.left_out));
        }
        attributes
    }
}

/// An attribute set and the number of its left-out attributes.
#[derive(Debug, Default, PartialEq)]
pub struct AttributeSet {
    /// The decoded attributes.
    pub attributes: Attributes,
    /// The number of left-out attributes.
    pub left_out: usize,
}

impl AttributeSet {
    /// Returns the attributes and adds the left-out ones to the dropped count.
    pub fn into_attributes(self, dropped: &mut u32, context: &mut DecodeContext) -> Attributes {
        context.drop_items(self.left_out, dropped, Repair::AttributesDropped);
        self.attributes
    }
}
