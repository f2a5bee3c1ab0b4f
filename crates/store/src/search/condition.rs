//! Boolean expressions over the leaves of a plan.

/// A set of leaves: bit n is leaf n.
pub(crate) type LeafBits = u128;
/// The maximum number of leaves in a plan.
pub(super) const MAX_LEAVES: usize = LeafBits::BITS as usize;

/// A boolean expression over leaves.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Leaf(usize),
}

impl Default for Condition {
    /// Returns a condition that always holds.
    fn default() -> Self {
        Self::And(Vec::new())
    }
}

impl Condition {
    /// Returns true if the condition holds for a trace. `leaves` are the leaves that hold for it.
    pub(super) fn holds(&self, leaves: LeafBits) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.holds(leaves)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(leaves)),
            Self::Not(part) => !part.holds(leaves),
            Self::Leaf(leaf) => leaves >> leaf & 1 == 1,
        }
    }

    /// Returns the cheapest set of leaves of which at least one holds if the condition holds, with
    /// its cost. Returns `None` if the condition can hold without any leaf.
    ///
    /// One part of an AND is enough, because all parts must hold. An OR needs the leaves of every
    /// part. A NOT can hold without any leaf.
    pub(super) fn cover(&self, cost: &impl Fn(usize) -> u64) -> Option<(LeafBits, u64)> {
        match self {
            Self::Leaf(leaf) => Some((1 << leaf, cost(*leaf))),
            Self::And(parts) => {
                let covers = parts.iter().filter_map(|part| part.cover(cost));
                covers.min_by_key(|(_, cost)| *cost)
            }
            Self::Or(parts) => parts.iter().try_fold((0, 0), |(all, sum), part| {
                let (leaves, cost) = part.cover(cost)?;
                Some((all | leaves, cost.saturating_add(sum)))
            }),
            Self::Not(_) => None,
        }
    }

    /// Returns the leaves that are not negated. Their matches explain why a trace was found.
    pub(super) fn positive(&self) -> LeafBits {
        match self {
            Self::Leaf(leaf) => 1 << leaf,
            Self::And(parts) | Self::Or(parts) => {
                parts.iter().fold(0, |all, part| all | part.positive())
            }
            Self::Not(_) => 0,
        }
    }
}
