//! Spans on their way out: bounded, split by bytes, sent one batch at a time, kept when that fails.

use std::collections::VecDeque;
use std::fmt::Write as _;

use throughline_wire::{DropReason, UnixNanos};

use super::retry::{Verdict, judge, wait_ms};

/// The most spans waiting at a time.
pub(crate) const MAX_SPANS: usize = 500;
/// The most bytes waiting at a time.
pub(crate) const MAX_BYTES: usize = 256 * 1024;
/// This many spans waiting are sent at once rather than in a while.
const FULL_SPANS: usize = 50;
/// A request's body, in bytes of UTF-8, is kept below this; this many bytes waiting are sent at
/// once.
pub(crate) const BODY_BYTES: usize = 48 * 1024;
/// What requests that outlive the page may carry together: browsers refuse 64 KiB.
pub(crate) const UNLOAD_BYTES: usize = 60 * 1024;
/// How many requests that outlive the page may be under way.
const UNLOAD_REQUESTS: usize = 9;
/// Room for what stands around the spans beside the header: clock and drop counters.
const AROUND_BYTES: usize = 512;

/// A request to be made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parcel {
    /// To be named when its answer is told.
    pub(crate) id: u32,
    /// A batch as JSON.
    pub(crate) body: String,
    /// Whether it shall outlive the page.
    pub(crate) keepalive: bool,
}

/// What to do next.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    /// Send this.
    Send(Parcel),
    /// Ask again after this long, ms.
    Wait(f64),
    /// Nothing until a span comes or an answer does.
    Rest,
}

struct Flight {
    id: u32,
    spans: Vec<String>,
    dropped: Dropped,
    /// Counted against [`UNLOAD_BYTES`]; zero when it does not outlive the page.
    kept_bytes: usize,
    /// Whether it is the one request of the ordinary chain.
    ordinary: bool,
}

/// Counters of what was dropped, by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Dropped(Vec<(DropReason, u64)>);

impl Dropped {
    fn add(&mut self, reason: DropReason, count: u64) {
        if count == 0 {
            return;
        }
        match self.0.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, total)) => *total = total.saturating_add(count),
            None => self.0.push((reason, count)),
        }
    }
}

/// The queue and what is under way. Times are monotonic ms.
pub(crate) struct Outbox {
    /// `{"resource":..,"scope":..,` as JSON.
    header: String,
    waiting: VecDeque<String>,
    waiting_bytes: usize,
    dropped: Dropped,
    flights: Vec<Flight>,
    next_id: u32,
    failures: u32,
    not_before_ms: f64,
}

impl Outbox {
    /// An empty one; `resource` and `scope` are JSON.
    pub(crate) fn new(resource: &str, scope: &str) -> Self {
        Self {
            header: format!(r#"{{"resource":{resource},"scope":{scope},"#),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            dropped: Dropped::default(),
            flights: Vec::new(),
            next_id: 0,
            failures: 0,
            not_before_ms: 0.0,
        }
    }

    /// Counts something that never came to be a waiting span.
    pub(crate) fn count_dropped(&mut self, reason: DropReason) {
        self.dropped.add(reason, 1);
    }

    /// Takes a span as JSON. When there is no room it is dropped and counted.
    pub(crate) fn push(&mut self, span: String) {
        if span.len() + self.header.len() + AROUND_BYTES > UNLOAD_BYTES {
            self.dropped.add(DropReason::TooBig, 1);
        } else if self.waiting.len() >= MAX_SPANS || self.waiting_bytes + span.len() > MAX_BYTES {
            self.dropped.add(DropReason::QueueFull, 1);
        } else {
            self.waiting_bytes += span.len();
            self.waiting.push_back(span);
        }
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether there is enough to send at once.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= FULL_SPANS || self.waiting_bytes >= BODY_BYTES
    }

    /// The next request of the ordinary chain: one at a time, and after a failure not too soon.
    pub(crate) fn next(&mut self, now_ms: f64, sent_at: UnixNanos) -> Next {
        if self.waiting.is_empty() || self.flights.iter().any(|flight| flight.ordinary) {
            return Next::Rest;
        }
        if now_ms < self.not_before_ms {
            return Next::Wait(self.not_before_ms - now_ms);
        }
        // A request that outlives the page is safe should the page go now. After a failure the
        // plain kind is tried: other code of the page may have used up what browsers allow.
        let keepalive = self.failures == 0 && self.unload_room() >= BODY_BYTES;
        match self.pack(BODY_BYTES, keepalive, true, sent_at) {
            Some(parcel) => Next::Send(parcel),
            None => Next::Rest,
        }
    }

    /// The next request to make while the page is being left; nothing when all is sent or the
    /// browser would refuse more.
    pub(crate) fn next_at_unload(&mut self, sent_at: UnixNanos) -> Option<Parcel> {
        let kept = self.flights.iter().filter(|flight| flight.kept_bytes > 0);
        if kept.count() >= UNLOAD_REQUESTS {
            return None;
        }
        let room = self.unload_room().min(BODY_BYTES);
        let first = self.waiting.front()?.len();
        // A lone span may be larger than an ordinary body.
        let room = if first + self.header.len() + AROUND_BYTES > room {
            self.unload_room()
        } else {
            room
        };
        self.pack(room, true, false, sent_at)
    }

    fn unload_room(&self) -> usize {
        let kept: usize = self.flights.iter().map(|flight| flight.kept_bytes).sum();
        UNLOAD_BYTES.saturating_sub(kept)
    }

    /// Moves the oldest spans into a request of at most `room` bytes; an ordinary one takes at
    /// least one span.
    fn pack(
        &mut self,
        room: usize,
        keepalive: bool,
        ordinary: bool,
        sent_at: UnixNanos,
    ) -> Option<Parcel> {
        let mut body = self.header.clone();
        let _ = write!(body, r#""clock":{{"sent_at_ns":"{sent_at}"}},"spans":["#);
        let mut spans = Vec::new();
        while let Some(span) = self.waiting.front() {
            let fits = body.len() + span.len() + AROUND_BYTES <= room;
            let must_go = ordinary && spans.is_empty();
            if !(fits || must_go) {
                break;
            }
            let Some(span) = self.waiting.pop_front() else {
                break;
            };
            self.waiting_bytes -= span.len();
            if !spans.is_empty() {
                body.push(',');
            }
            body.push_str(&span);
            spans.push(span);
        }
        if spans.is_empty() {
            return None;
        }
        body.push(']');
        let dropped = std::mem::take(&mut self.dropped);
        for (at, (reason, count)) in dropped.0.iter().enumerate() {
            body.push_str(if at == 0 { r#","dropped":{"# } else { "," });
            let _ = write!(body, r#""{}":{count}"#, reason.as_str());
        }
        body.push_str(if dropped.0.is_empty() { "}" } else { "}}" });
        let keepalive = keepalive && body.len() <= self.unload_room();
        self.next_id = self.next_id.wrapping_add(1);
        self.flights.push(Flight {
            id: self.next_id,
            spans,
            dropped,
            kept_bytes: if keepalive { body.len() } else { 0 },
            ordinary,
        });
        Some(Parcel {
            id: self.next_id,
            body,
            keepalive,
        })
    }

    /// Takes the answer to request `id`: `status` 0 when there was none, `asked_ms` the
    /// `Retry-After`, `random` in 0..1.
    pub(crate) fn settle(&mut self, id: u32, status: u16, asked_ms: f64, now_ms: f64, random: f64) {
        let Some(at) = self.flights.iter().position(|flight| flight.id == id) else {
            return;
        };
        let flight = self.flights.swap_remove(at);
        let count = flight.spans.len() as u64;
        let verdict = judge(status);
        if verdict != Verdict::Stored {
            // The counts did not arrive either.
            for (reason, count) in flight.dropped.0 {
                self.dropped.add(reason, count);
            }
        }
        match verdict {
            Verdict::Again => {
                self.failures = self.failures.saturating_add(1);
                self.not_before_ms = now_ms + wait_ms(self.failures, random, asked_ms);
                self.put_back(flight.spans);
                return;
            }
            Verdict::Stored => {}
            Verdict::TooBig => self.dropped.add(DropReason::TooBig, count),
            Verdict::Refused => self.dropped.add(DropReason::Rejected, count),
        }
        self.failures = 0;
        self.not_before_ms = 0.0;
    }

    /// Puts spans back where they were taken from; the oldest go when there is no room.
    fn put_back(&mut self, spans: Vec<String>) {
        for span in spans.into_iter().rev() {
            self.waiting_bytes += span.len();
            self.waiting.push_front(span);
        }
        while self.waiting.len() > MAX_SPANS || self.waiting_bytes > MAX_BYTES {
            let Some(oldest) = self.waiting.pop_front() else {
                break;
            };
            self.waiting_bytes -= oldest.len();
            self.dropped.add(DropReason::RetriesExhausted, 1);
        }
    }
}

#[cfg(test)]
mod tests;
