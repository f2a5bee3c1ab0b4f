//! What waits, why a request is made, and what is under way.

use super::sequence_state::Dropped;

/// A span as JSON, or what is known of one that has not ended.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) number: u64,
    /// Of the process that gave the number.
    pub(super) generation: u32,
    pub(super) is_start: bool,
    pub(super) json: String,
}

/// What a request is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlushReason {
    /// One of the chain that goes on while the page lives.
    Ordinary,
    /// The same, with nothing to tell but that the page lives.
    Heartbeat,
    /// The page is hidden and may not come back.
    Hidden,
    /// The page is being left.
    Leaving,
}

impl FlushReason {
    pub(super) const fn is_ordinary(self) -> bool {
        matches!(self, Self::Ordinary | Self::Heartbeat)
    }
}

pub(super) struct InFlightRequest {
    pub(super) id: u32,
    pub(super) items: Vec<Item>,
    pub(super) dropped: Dropped,
    /// Counted against [`UNLOAD_BYTES`]; zero when it does not outlive the page.
    pub(super) kept_bytes: usize,
    /// Whether it is the one request of the ordinary chain.
    pub(super) ordinary: bool,
}
