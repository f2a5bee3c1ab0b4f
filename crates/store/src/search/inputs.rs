//! The inputs for evaluating a block.

use core::sync::atomic::AtomicBool;
use std::collections::{HashMap, HashSet};

use super::plan::ScanPlan;

/// The results of tests whose payloads were read: the number of the test and the payload hash,
/// mapped to true if the payload passes.
pub(super) type Outcomes = HashMap<(u32, [u8; 16]), bool>;
/// The tests and payloads that must be read: the number of the test and the payload hash.
pub(super) type Unread = HashSet<(u32, [u8; 16])>;

/// The inputs for evaluating a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inputs<'a> {
    pub plan: &'a ScanPlan,
    /// The known results of tests of payloads. True if the payload passes.
    pub outcomes: &'a Outcomes,
    /// True when the request was cancelled. The result is then undefined and unused.
    pub cancelled: &'a AtomicBool,
}
