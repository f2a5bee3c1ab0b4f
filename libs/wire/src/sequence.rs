//! How a process numbers its spans, so that a receiver can tell what is missing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{DropReason, ProcessId};

/// Where a process stands with its numbers, as each of its batches says.
///
/// A process gives its recorded spans the numbers 0, 1, 2, ... in the order they begin, or in which
/// it first tells of them ([`Span::sequence`](crate::Span::sequence)). A number is given once: a span that is sent again
/// has the number it had. Everything said here only grows, so that batches may come late, twice or
/// in any order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "a sequence object")]
pub struct BatchSequence {
    /// The process: 64 random bits, chosen when it starts.
    pub process: ProcessId,
    /// The next number it will give: all below were given.
    pub next: u64,
    /// Every number below this was sent (in this batch or in one that was acknowledged), dropped
    /// and counted, or told by a start record. What a receiver misses below is lost; above it may
    /// still be under way.
    #[serde(default)]
    pub settled: u64,
    /// How many numbered spans it dropped since it started, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dropped: BTreeMap<DropReason, u64>,
    /// Whether this is its goodbye: it begins no more spans, and those that are open will not end.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ended: bool,
}

impl BatchSequence {
    /// Of a process that has begun nothing yet.
    pub const fn new(process: ProcessId) -> Self {
        Self {
            process,
            next: 0,
            settled: 0,
            dropped: BTreeMap::new(),
            ended: false,
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
const fn is_false(flag: &bool) -> bool {
    !*flag
}
