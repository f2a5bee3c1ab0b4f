//! The state of a decoder: the budget of its request, and the repairs of the item it reads.

use throughline_wire::attribute::ReadLimit;
use throughline_wire::{AttributeValue, Repair, RepairSet};

use crate::budget::DecodeBudget;

/// Repairs that decoding made in one item. They travel with the item to its validation, which records them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Repairs {
    /// What was repaired.
    pub kinds: RepairSet,
    /// Parts of its values that the budget did not allow, each at least a byte long.
    pub cut_items: usize,
}

impl Repairs {
    /// Nothing was repaired.
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

/// An item of a request as it was decoded, before validation.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded<T> {
    /// Its place in the list or the request, from 0.
    pub index: usize,
    /// The item.
    pub item: T,
    /// What decoding repaired in it.
    pub repairs: Repairs,
}

/// The state of a decoder, passed through everything that reads a part of the request.
#[derive(Debug, Clone)]
pub struct DecodeContext {
    /// What the request may still make.
    pub budget: DecodeBudget,
    /// Repairs since the last [`Self::take_repairs`].
    pub repairs: Repairs,
}

impl DecodeContext {
    /// Begins a request.
    pub const fn for_request() -> Self {
        Self::new(DecodeBudget::for_request())
    }

    /// Begins to read stored bytes, which have no limits.
    pub const fn for_stored() -> Self {
        Self::new(DecodeBudget::unlimited())
    }

    /// Begins with this budget.
    pub const fn new(budget: DecodeBudget) -> Self {
        Self {
            budget,
            repairs: Repairs::NONE,
        }
    }

    /// Notes a repair.
    pub const fn repair(&mut self, repair: Repair) {
        self.repairs.kinds.insert(repair);
    }

    /// Returns the repairs of the item that ends here and begins the next one.
    pub const fn take_repairs(&mut self) -> Repairs {
        core::mem::replace(&mut self.repairs, Repairs::NONE)
    }

    /// Counts items of the value being read that were left out, and returns the text that stands for them.
    pub fn cut_items(&mut self, count: usize) -> AttributeValue {
        self.repairs.cut_items = self.repairs.cut_items.saturating_add(count);
        format!("… [cut: {count} values]").into()
    }

    /// Adds items of a list that were not read to the count of dropped ones, and kinds the item.
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
