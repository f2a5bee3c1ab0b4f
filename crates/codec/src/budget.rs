//! A limit on how many values one request may make: twenty megabytes of `{},{},{}` are seven million.
//!
//! The memory that a value takes has little to do with the bytes it takes in a body. Decoders therefore spend
//! a [`DecodeBudget`] for every attribute, event, link and item of an array or a map. When it is spent, they
//! skip and count the rest: attributes, events and links as dropped ones of their span, items of a value in a
//! text that ends it.

/// The most attributes, events, links and items of values of one request.
pub const REQUEST_VALUES: usize = 1 << 20;
/// The most items of one value, nested ones included: as many numbers as fit into 1 MiB.
pub const VALUE_ITEMS: usize = 1 << 17;
/// The most events, and the most links, that are read of one span.
pub const LIST_ITEMS: usize = 1024;
/// The most pairs that are read of one set of attributes: far more than are kept, because keys may repeat.
pub const SET_PAIRS: usize = 1 << 14;

/// How many more values a request may make.
#[derive(Debug, Clone)]
pub struct DecodeBudget {
    /// Values left of the request.
    values: usize,
    /// Items left of the value being read.
    items: usize,
    /// Items that each value may have.
    items_per_value: usize,
    /// Pairs that each set of attributes may have.
    pairs_per_set: usize,
}

impl DecodeBudget {
    /// Returns the budget of one request: [`REQUEST_VALUES`].
    pub const fn for_request() -> Self {
        Self::with_values(REQUEST_VALUES)
    }

    /// Returns a budget of so many values.
    pub const fn with_values(values: usize) -> Self {
        Self {
            values,
            items: VALUE_ITEMS,
            items_per_value: VALUE_ITEMS,
            pairs_per_set: SET_PAIRS,
        }
    }

    /// Returns a budget without limits, for stored bytes: they were limited before they were stored.
    pub const fn unlimited() -> Self {
        Self {
            values: usize::MAX,
            items: usize::MAX,
            items_per_value: usize::MAX,
            pairs_per_set: usize::MAX,
        }
    }

    /// Begins the value of an attribute, or a body.
    pub const fn begin_value(&mut self) {
        self.items = self.items_per_value;
    }

    /// Spends one event or link; returns false when the budget is spent.
    pub const fn take(&mut self) -> bool {
        spend(&mut self.values)
    }

    /// Spends one attribute of a set that has `len`; returns false when the set or the budget is full.
    pub const fn take_attribute(&mut self, len: usize) -> bool {
        len < self.pairs_per_set && self.take()
    }

    /// Spends one item of the value being read; returns false when the value is full or the budget spent.
    pub const fn take_item(&mut self) -> bool {
        self.items > 0 && self.take() && spend(&mut self.items)
    }

    /// Returns whether nothing is left.
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
    fn a_spent_budget_gives_no_more_of_anything() {
        let mut budget = DecodeBudget::with_values(1);
        assert!(budget.take());
        assert!(budget.is_spent());
        assert!(!budget.take() && !budget.take_item() && !budget.take_attribute(0));
        budget.begin_value();
        assert!(!budget.take_item(), "another value is of the same request");
    }

    #[test]
    fn each_value_has_items_of_its_own() {
        let mut budget = DecodeBudget::for_request();
        budget.begin_value();
        let taken = (0..=VALUE_ITEMS).filter(|_| budget.take_item()).count();
        assert_eq!(taken, VALUE_ITEMS);
        budget.begin_value();
        assert!(budget.take_item());
    }

    #[test]
    fn stored_bytes_are_read_whole() {
        let mut budget = DecodeBudget::unlimited();
        budget.begin_value();
        assert!((0..=2 * VALUE_ITEMS).all(|_| budget.take_item()));
        assert!(budget.take_attribute(2 * SET_PAIRS));
    }
}
