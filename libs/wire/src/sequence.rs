//! The sequence numbers of a process, with which a receiver detects missing spans, and the reasons
//! for drops.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ProcessId;

/// The state of a process's sequence numbers; every batch carries it.
///
/// A process gives its recorded spans the numbers 0, 1, 2, ... in the order in which they start or
/// are first reported ([`Span::sequence`](crate::Span::sequence)). It never gives a number twice: a
/// span that is sent again keeps its number. All values in this type only grow, so batches may
/// arrive late, repeated or in any order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "a sequence object")]
pub struct BatchSequence {
    /// The process: 64 random bits, chosen at its start.
    pub process: ProcessId,
    /// The next number to give. All lower numbers were given.
    pub next: u64,
    /// The first number that is not settled. A lower number was sent (in this batch or in an
    /// acknowledged one), dropped and counted, or announced by a start record. A lower number that
    /// the receiver misses is lost; a higher one may still arrive.
    #[serde(default)]
    pub settled: u64,
    /// The number of numbered spans dropped since the process started, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dropped: BTreeMap<DropReason, u64>,
    /// True for the final report: the process starts no more spans, and its open spans will not
    /// end.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ended: bool,
}

impl BatchSequence {
    /// Returns the state of a process that has started no span.
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

/// The reason why a sender dropped spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// The sender's queue was full.
    QueueFull,
    /// A single span exceeded the maximum request size.
    TooBig,
    /// The server was unreachable until the sender gave up.
    RetriesExhausted,
    /// The sampler did not select the trace.
    Unsampled,
    /// A redaction rule removed the span.
    Redacted,
    /// The server rejected the span.
    Rejected,
    /// A reason that this version does not know.
    #[serde(other)]
    Other,
}

impl DropReason {
    /// Returns the name used on the wire and as a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::TooBig => "too_big",
            Self::RetriesExhausted => "retries_exhausted",
            Self::Unsampled => "unsampled",
            Self::Redacted => "redacted",
            Self::Rejected => "rejected",
            Self::Other => "other",
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
