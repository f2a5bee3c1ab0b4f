//! The queued items, the flush reasons and the requests in flight.

use std::collections::VecDeque;

use super::sequence_state::Dropped;

/// An ended span as JSON, or the start of an open span.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) number: u64,
    /// The generation of the process that assigned the number.
    pub(super) generation: u32,
    pub(super) is_start: bool,
    pub(super) json: String,
}

/// The reason for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlushReason {
    /// The regular request while the page lives.
    Ordinary,
    /// The regular request with an empty queue: it reports only that the page lives.
    Heartbeat,
    /// The page is hidden and may not return.
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
    pub(super) items: VecDeque<Item>,
    pub(super) dropped: Dropped,
    /// The bytes counted against the budget of keepalive requests. Zero if the request does not
    /// outlive the page.
    pub(super) kept_bytes: usize,
    /// True if it is the one ordinary request in flight.
    pub(super) ordinary: bool,
    /// True if the page was hidden since and this request does not outlive it: its items are sent
    /// once more.
    pub(super) is_recalled: bool,
}
