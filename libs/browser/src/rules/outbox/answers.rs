//! Handles the response to a request.

use std::collections::VecDeque;

use throughline_wire::DropReason;

use super::parts::Item;
use super::{MAX_BYTES, MAX_SPANS, Outbox};
use crate::rules::retry::{Verdict, judge, wait_ms};

impl Outbox {
    /// Handles the response to request `id`. `status` is 0 if there was no response. `asked_ms` is
    /// the `Retry-After` time. `random` is in 0..1.
    pub(crate) fn settle(&mut self, id: u32, status: u16, asked_ms: f64, now_ms: f64, random: f64) {
        let Some(at) = self.in_flight.iter().position(|request| request.id == id) else {
            return;
        };
        let request = self.in_flight.swap_remove(at);
        let count = request.items.iter().filter(|item| !item.is_start).count() as u64;
        let verdict = judge(status);
        if verdict != Verdict::Stored {
            // The drop counters of this request were not delivered either.
            for (reason, count) in request.dropped.0 {
                self.dropped.add(reason, count);
            }
        }
        match verdict {
            Verdict::Again => {
                self.failures = self.failures.saturating_add(1);
                self.not_before_ms = now_ms + wait_ms(self.failures, random, asked_ms);
                self.put_back(request.items);
                return;
            }
            Verdict::Stored => {}
            Verdict::TooBig => self.count_dropped(DropReason::TooBig, count),
            Verdict::Refused => self.count_dropped(DropReason::Rejected, count),
        }
        self.failures = 0;
        self.not_before_ms = 0.0;
    }

    /// Returns items to the front of the queue. The oldest are dropped if there is no space.
    fn put_back(&mut self, items: VecDeque<Item>) {
        for item in items.into_iter().rev() {
            self.waiting_bytes += item.json.len();
            self.waiting.push_front(item);
        }
        while self.waiting.len() > MAX_SPANS || self.waiting_bytes > MAX_BYTES {
            let Some(oldest) = self.waiting.pop_front() else {
                break;
            };
            self.waiting_bytes -= oldest.json.len();
            self.count_dropped(DropReason::RetriesExhausted, u64::from(!oldest.is_start));
        }
    }
}
