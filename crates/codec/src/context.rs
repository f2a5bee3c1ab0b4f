//! The state of a decoder: the budget of the request and the repairs of the current item.

use throughline_wire::attribute::ReadLimit;
use throughline_wire::{AttributeValue, Repair, RepairSet};

use crate::budget::DecodeBudget;

/// The repairs that decoding made in one item. They travel with the item to its validation, which
/// records them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Repairs {
    /// The kinds of repairs.
    pub kinds: RepairSet,
    /// The number of items left out of its values by the budget, each at least one byte long.
    pub cut_items: usize,
}

impl Repairs {
    /// No repairs.
    pub const NONE: Self = Self {
        kinds: RepairSet::NONE,
        cut_items: 0,
    };
}

impl From<RepairSet> for Repairs {
    fn from(kinds: RepairSet) -> Self {
        Self {
            kinds,
            ..Self::NONE
        }
    }
}

/// A decoded item of a request, before validation.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded<T> {
    /// The index in its list of the request, from 0.
    pub index: usize,
    /// The item.
    pub item: T,
    /// The repairs that decoding made in the item.
    pub repairs: Repairs,
}

/// The state of a decoder, passed to every function that decodes a part of the request.
#[derive(Debug, Clone)]
pub struct DecodeContext {
    /// The remaining budget of the request.
    pub budget: DecodeBudget,
    /// The repairs since the last [`Self::take_repairs`].
    pub repairs: Repairs,
}

impl DecodeContext {
    /// Returns the state at the start of a request.
    pub const fn for_request() -> Self {
        Self::new(DecodeBudget::for_request())
    }

    /// Returns the state for stored bytes, which have no limits.
    pub const fn for_stored() -> Self {
        Self::new(DecodeBudget::unlimited())
    }

    /// Returns the state with the given budget.
    pub const fn new(budget: DecodeBudget) -> Self {
        Self {
            budget,
            repairs: Repairs::NONE,
        }
    }

    /// Records a repair.
    pub const fn repair(&mut self, repair: Repair) {
        self.repairs.kinds.insert(repair);
    }

    /// Records that a part of the item could not be read.
    pub const fn repair_unreadable(&mut self) {
        self.repair(Repair::PartUnreadable);
    }

    /// Returns the repairs of the current item and starts the next item.
    pub const fn take_repairs(&mut self) -> Repairs {
        core::mem::replace(&mut self.repairs, Repairs::NONE)
    }

    /// Counts `count` left-out items of the current value and returns the text that replaces them.
    pub fn cut_items(&mut self, count: usize) -> AttributeValue {
        self.repairs.cut_items = self.repairs.cut_items.saturating_add(count);
        format!("… [cut: {count} values]").into()
    }

    /// Adds the left-out items of a list to the count of dropped ones and records the repair.
    pub fn drop_items(&mut self, left_out: usize, dropped: &mut u32, repair: Repair) {
        if left_out > 0 {
            *dropped = dropped.saturating_add(u32::try_from(left_out).unwrap_or(u32::MAX));
            self.repair(repair);
        }
    }
}

impl ReadLimit for DecodeContext {
    fn begin_value(&mut self) {
        self.budget.begin_value();
    }

    fn take_attribute(&mut self, len: usize) -> bool {
        self.budget.take_attribute(len)
    }

    fn take_item(&mut self) -> bool {
        self.budget.take_item()
    }

    fn cut_items(&mut self, count: usize) -> AttributeValue {
        Self::cut_items(self, count)
    }
}
