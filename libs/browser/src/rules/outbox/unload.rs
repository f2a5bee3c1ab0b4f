//! The requests of a page that is hidden or left. They outlive the page and share the browser's
//! quota with those of the page itself.

use std::collections::VecDeque;

use throughline_wire::UnixNanos;

use super::parts::{FlushReason, Item};
use super::{AROUND_BYTES, Outbox, Parcel};

/// The most requests of a hidden page in flight.
const MAX_REQUESTS: usize = 9;

impl Outbox {
    /// Allows [`Outbox::next_at_unload`] to send the items of the ordinary request in flight once
    /// more: the browser cancels that request if the page is left. The collector stores a span
    /// once. Call it when the page is hidden or left.
    pub(crate) fn recall(&mut self) {
        for request in &mut self.in_flight {
            request.is_recalled |= request.kept_bytes == 0;
        }
    }

    /// Returns the next request while the page is hidden or left. With `leaving`, the last one is
    /// the final report. Returns `None` if everything is sent or the budget is spent.
    pub(crate) fn next_at_unload(&mut self, sent_at: UnixNanos, leaving: bool) -> Option<Parcel> {
        let unload = self.in_flight.iter().filter(|request| !request.ordinary);
        if unload.count() >= MAX_REQUESTS {
            return None;
        }
        let items = self.take_at_unload(self.unload_space());
        let reason = if leaving {
            FlushReason::Leaving
        } else {
            FlushReason::Hidden
        };
        self.pack(items, reason, sent_at)
    }

    /// Returns the rest of the budget, in bytes.
    pub(super) fn unload_space(&self) -> usize {
        let kept: usize = self
            .in_flight
            .iter()
            .map(|request| request.kept_bytes)
            .sum();
        self.unload_budget_bytes.saturating_sub(kept)
    }

    /// Removes the oldest items of one process that fit into `space` bytes: queued ones first, then
    /// those of recalled requests.
    fn take_at_unload(&mut self, space: usize) -> Vec<Item> {
        let mut items = Vec::new();
        let mut space = space.saturating_sub(self.header.len() + AROUND_BYTES);
        self.waiting_bytes -= move_fitting(&mut self.waiting, &mut items, &mut space);
        for request in &mut self.in_flight {
            if request.is_recalled {
                move_fitting(&mut request.items, &mut items, &mut space);
            }
        }
        items
    }
}

/// Moves the items of one process that fit into `space`, in their order. An item that does not fit
/// stays and holds up no other. Returns the number of bytes moved.
fn move_fitting(from: &mut VecDeque<Item>, to: &mut Vec<Item>, space: &mut usize) -> usize {
    let (mut at, mut moved) = (0, 0);
    while let Some(next) = from.get(at) {
        if (to.first()).is_some_and(|first| first.generation != next.generation) {
            break;
        }
        // One byte for the comma.
        let Some(rest) = space.checked_sub(next.json.len() + 1) else {
            at += 1;
            continue;
        };
        let Some(item) = from.remove(at) else { break };
        *space = rest;
        moved += item.json.len();
        to.push(item);
    }
    moved
}
