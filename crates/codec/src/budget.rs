//! A limit on the number of values that one request may create.
//!
//! A small body can create many values: 20 MB of `{},{},{}` are seven million values, and their
//! memory size has little to do with their size in the body. Decoders therefore spend a
//! [`DecodeBudget`] for every attribute, event, link and item of an array or a map. When the budget
//! is spent, they skip and count the rest. Skipped attributes, events and links count as dropped
//! ones of their span. Skipped items of a value are counted in a text at the end of the value.
//!
//! The attributes of resources and scopes also spend bytes, from a [`PartBudget`]: a span of a
//! hundred bytes can refer to a resource of megabytes.

/// The maximum number of attributes, events, links and items of values in one request.
pub const REQUEST_VALUES: usize = 1 << 20;
/// The maximum number of items of one value, including nested ones. This many numbers of 8 bytes
/// fit into 1 MiB.
pub const VALUE_ITEMS: usize = 1 << 17;
/// The maximum number of decoded events of one span, and of decoded links.
pub const LIST_ITEMS: usize = 1024;
/// The maximum number of decoded pairs of one attribute set. Far above the number of stored
/// attributes, because keys may repeat.
pub const SET_PAIRS: usize = 1 << 14;

/// The maximum size of the attributes of one resource or scope after repair, in bytes. Every answer
/// with a span of it contains them.
pub const PART_BYTES: usize = 4 << 20;
/// The maximum size of the attributes of all resources and scopes of one request after repair, in
/// bytes: what the store keeps in memory until they are committed.
pub const REQUEST_PART_BYTES: usize = 64 << 20;

/// The bytes of attributes that the resources and scopes of a request may still have.
#[derive(Debug, Clone)]
pub struct PartBudget {
    /// The remaining bytes of the request.
    bytes: usize,
    /// The remaining bytes of the current resource or scope.
    part: usize,
}

impl PartBudget {
    /// Returns the budget of one request: [`REQUEST_PART_BYTES`], and [`PART_BYTES`] for each part.
    pub const fn for_request() -> Self {
        Self {
            bytes: REQUEST_PART_BYTES,
            part: PART_BYTES,
        }
    }

    /// Starts the next resource or scope.
    pub const fn begin_part(&mut self) {
        self.part = PART_BYTES;
    }

    /// Spends an attribute of `bytes` bytes. Returns false if it does not fit; a smaller one may.
    pub const fn take(&mut self, bytes: usize) -> bool {
        if bytes > self.part || bytes > self.bytes {
            return false;
        }
        self.part -= bytes;
        self.bytes -= bytes;
        true
    }
}

/// The number of values that a request may still create.
#[derive(Debug, Clone)]
pub struct DecodeBudget {
    /// The remaining values of the request.
    values: usize,
    /// The remaining items of the current value.
    items: usize,
    /// The maximum number of items of each value.
    items_per_value: usize,
    /// The maximum number of pairs of each attribute set.
    pairs_per_set: usize,
}

impl DecodeBudget {
    /// Returns the budget of one request: [`REQUEST_VALUES`].
    pub const fn for_request() -> Self {
        Self::with_values(REQUEST_VALUES)
    }

    /// Returns a budget of `values` values.
    pub const fn with_values(values: usize) -> Self {
        Self {
            values,
            items: VALUE_ITEMS,
            items_per_value: VALUE_ITEMS,
            pairs_per_set: SET_PAIRS,
        }
    }

    /// Returns a budget without limits for stored bytes, which were limited before they were
    /// stored.
    pub const fn unlimited() -> Self {
        Self {
            values: usize::MAX,
            items: usize::MAX,
            items_per_value: usize::MAX,
            pairs_per_set: usize::MAX,
        }
    }

    /// Resets the item budget for a new attribute value or log body.
    pub const fn begin_value(&mut self) {
        self.items = self.items_per_value;
    }

    /// Spends one event or link. Returns false if the budget is spent.
    pub const fn take(&mut self) -> bool {
        spend(&mut self.values)
    }

    /// Spends one attribute of a set of `len`. Returns false if the set is full or the budget is
    /// spent.
    pub const fn take_attribute(&mut self, len: usize) -> bool {
        len < self.pairs_per_set && self.take()
    }

    /// Spends one item of the current value. Returns false if the value is full or the budget is
    /// spent.
    pub const fn take_item(&mut self) -> bool {
        self.items > 0 && self.take() && spend(&mut self.items)
    }

    /// Returns true if the budget is spent.
    pub const fn is_spent(&self) -> bool {
        self.values == 0
    }
}

const fn spend(left: &mut usize) -> bool {
    match left.checked_sub(1) {
        Some(less) => {
            *left = less;
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spent_budget_permits_no_further_value() {
        let mut budget = DecodeBudget::with_values(1);
        assert!(budget.take());
        assert!(budget.is_spent());
        assert!(!budget.take() && !budget.take_item() && !budget.take_attribute(0));
        budget.begin_value();
        assert!(!budget.take_item(), "another value is of the same request");
    }

    #[test]
    fn each_value_has_its_own_budget_of_items() {
        let mut budget = DecodeBudget::for_request();
        budget.begin_value();
        let taken = (0..=VALUE_ITEMS).filter(|_| budget.take_item()).count();
        assert_eq!(taken, VALUE_ITEMS);
        budget.begin_value();
        assert!(budget.take_item());
    }

    #[test]
    fn stored_bytes_are_read_without_a_budget() {
        let mut budget = DecodeBudget::unlimited();
        budget.begin_value();
        assert!((0..=2 * VALUE_ITEMS).all(|_| budget.take_item()));
        assert!(budget.take_attribute(2 * SET_PAIRS));
    }
}
