//! The send queue: bounded, split into batches by bytes, one batch in flight at a time, kept for
//! retry after a failure.

mod answers;
mod parts;
mod sequence_state;
mod unload;

use std::collections::VecDeque;
use std::fmt::Write as _;

use throughline_wire::{DropReason, ProcessId, UnixNanos};

use self::parts::{FlushReason, InFlightRequest, Item};
use self::sequence_state::{Dropped, SequenceState};

/// The most spans in the queue.
pub(crate) const MAX_SPANS: usize = 500;
/// The most bytes in the queue.
pub(crate) const MAX_BYTES: usize = 256 * 1024;
/// The number of queued spans that triggers an immediate request.
const FULL_SPANS: usize = 50;
/// The limit of an ordinary request body, in bytes of UTF-8. This many queued bytes also trigger an
/// immediate request. Only a single larger span exceeds it.
pub(crate) const BODY_BYTES: usize = 48 * 1024;
/// The limit of every request body, in bytes of UTF-8. A larger span is dropped.
pub(crate) const MAX_BODY_BYTES: usize = 60 * 1024;
/// The bytes reserved in a body for the clock, the sequence numbers and the drop counters.
const AROUND_BYTES: usize = 768;

/// A request to send.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parcel {
    /// The id that [`Outbox::settle`] receives with the response.
    pub(crate) id: u32,
    /// The batch as JSON.
    pub(crate) body: String,
    /// True if the request must outlive the page.
    pub(crate) keepalive: bool,
}

/// The next action of the sender.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    /// Send this request.
    Send(Parcel),
    /// Call again after this time, in ms.
    Wait(f64),
    /// Do nothing until a span or a response arrives.
    Rest,
}

/// The send queue and the requests in flight. Times are monotonic ms.
pub(crate) struct Outbox {
    /// The start of each body, `{"resource":..,"scope":..,` as JSON.
    header: String,
    waiting: VecDeque<Item>,
    waiting_bytes: usize,
    /// The drops that no delivered batch has reported yet.
    dropped: Dropped,
    sequence: SequenceState,
    in_flight: Vec<InFlightRequest>,
    next_id: u32,
    failures: u32,
    not_before_ms: f64,
    /// The limit of all keepalive requests together, in bytes.
    unload_budget_bytes: usize,
}

impl Outbox {
    /// Creates an empty queue. `resource` and `scope` are JSON. `unload_budget_bytes` is the limit
    /// of all keepalive requests together: browsers refuse more than 64 KiB, so a larger one is cut
    /// to the limit of a body.
    pub(crate) fn new(
        resource: &str,
        scope: &str,
        process: Option<ProcessId>,
        unload_budget_bytes: usize,
    ) -> Self {
        Self {
            header: format!(r#"{{"resource":{resource},"scope":{scope},"#),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            dropped: Dropped::default(),
            sequence: SequenceState::new(process),
            in_flight: Vec::new(),
            next_id: 0,
            failures: 0,
            not_before_ms: 0.0,
            unload_budget_bytes: unload_budget_bytes.min(MAX_BODY_BYTES),
        }
    }

    /// Returns the next sequence number. The caller must push or drop the span: a number that is
    /// never settled looks like a lost span.
    pub(crate) fn number(&mut self) -> u64 {
        let number = self.sequence.next;
        self.sequence.next += 1;
        number
    }

    /// Reports whether the page has sent its final report.
    pub(crate) fn has_sent_final_report(&self) -> bool {
        self.sequence.has_ended
    }

    /// Begins a new process, because the page continues after its final report.
    pub(crate) fn begin_again(&mut self, process: Option<ProcessId>) {
        self.sequence.begin_again(process);
    }

    /// Counts spans that have sequence numbers and will not be sent.
    pub(crate) fn count_dropped(&mut self, reason: DropReason, count: u64) {
        self.dropped.add(reason, count);
        self.sequence.dropped.add(reason, count);
    }

    /// Queues an ended span as JSON. If there is no space, the span is dropped and counted.
    pub(crate) fn push(&mut self, number: u64, json: String) {
        let generation = self.sequence.generation;
        // The queued start of this span is obsolete.
        if let Some(at) = self.waiting.iter().position(|item| {
            item.is_start && item.number == number && item.generation == generation
        }) && let Some(start) = self.waiting.remove(at)
        {
            self.waiting_bytes -= start.json.len();
        }
        if json.len() + self.header.len() + AROUND_BYTES > MAX_BODY_BYTES {
            self.count_dropped(DropReason::TooBig, 1);
        } else if self.has_space(json.len()) {
            self.enter(number, false, json);
        } else {
            self.count_dropped(DropReason::QueueFull, 1);
        }
    }

    /// Queues the start of an open span, as JSON with `number`.
    pub(crate) fn push_start(&mut self, number: u64, json: String) {
        self.enter(number, true, json);
    }

    /// Reports whether the start of an open span, of this many bytes, may be queued. Starts are
    /// queued only while the queue is far from full, because ended spans matter more.
    pub(crate) fn has_space_for_start(&self, bytes: usize) -> bool {
        self.has_space(bytes) && self.waiting.len() < FULL_SPANS && bytes <= BODY_BYTES / 4
    }

    fn has_space(&self, bytes: usize) -> bool {
        self.waiting.len() < MAX_SPANS && self.waiting_bytes + bytes <= MAX_BYTES
    }

    fn enter(&mut self, number: u64, is_start: bool, json: String) {
        self.waiting_bytes += json.len();
        self.waiting.push_back(Item {
            number,
            generation: self.sequence.generation,
            is_start,
            json,
        });
    }

    /// Reports whether the queue is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Reports whether the queue holds enough for an immediate request.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= FULL_SPANS || self.waiting_bytes >= BODY_BYTES
    }

    /// Returns the next ordinary request. Only one is in flight at a time, and a failed one is
    /// retried after its backoff. With `heartbeat`, a request is sent even if the queue is empty.
    pub(crate) fn next(&mut self, now_ms: f64, sent_at: UnixNanos, heartbeat: bool) -> Next {
        let is_empty = self.waiting.is_empty();
        if is_empty && !heartbeat || self.in_flight.iter().any(|request| request.ordinary) {
            return Next::Rest;
        }
        if now_ms < self.not_before_ms {
            return Next::Wait(self.not_before_ms - now_ms);
        }
        let reason = if is_empty {
            FlushReason::Heartbeat
        } else {
            FlushReason::Ordinary
        };
        let items = self.take_ordinary();
        match self.pack(items, reason, sent_at) {
            Some(parcel) => Next::Send(parcel),
            None => Next::Rest,
        }
    }

    /// Puts `items` of one process into a request. Only a request that must outlive the page is
    /// `keepalive`: the quota for these belongs to the page. Returns `None` if there is no item,
    /// unless it is a heartbeat.
    fn pack(
        &mut self,
        items: Vec<Item>,
        reason: FlushReason,
        sent_at: UnixNanos,
    ) -> Option<Parcel> {
        let generation = match items.first() {
            Some(first) => first.generation,
            None if reason == FlushReason::Heartbeat => self.sequence.generation,
            None => return None,
        };
        let mut body = self.header.clone();
        let _ = write!(body, r#""clock":{{"sent_at_ns":"{sent_at}"}},"#);
        if generation == self.sequence.generation {
            self.sequence.has_ended |= reason == FlushReason::Leaving && self.waiting.is_empty();
            self.sequence.write(self.settled(), &mut body);
        }
        for (name, is_start) in [("spans", false), ("starts", true)] {
            let _ = write!(body, r#"{}"{name}":["#, if is_start { "," } else { "" });
            let mut comma = "";
            for item in items.iter().filter(|item| item.is_start == is_start) {
                body.push_str(comma);
                body.push_str(&item.json);
                comma = ",";
            }
            body.push(']');
        }
        let dropped = std::mem::take(&mut self.dropped);
        dropped.write(&mut body);
        body.push('}');
        let keepalive = !reason.is_ordinary() && body.len() <= self.unload_space();
        self.next_id = self.next_id.wrapping_add(1);
        self.in_flight.push(InFlightRequest {
            id: self.next_id,
            items: items.into(),
            dropped,
            kept_bytes: if keepalive { body.len() } else { 0 },
            ordinary: reason.is_ordinary(),
            is_recalled: false,
        });
        Some(Parcel {
            id: self.next_id,
            body,
            keepalive,
        })
    }

    /// Removes the oldest items of one process that fit into an ordinary body, but at least one.
    fn take_ordinary(&mut self) -> Vec<Item> {
        let mut items: Vec<Item> = Vec::new();
        let mut bytes = self.header.len() + AROUND_BYTES;
        while let Some(item) = self.waiting.pop_front() {
            let is_other = (items.first()).is_some_and(|one| one.generation != item.generation);
            // One byte for the comma.
            if is_other || !items.is_empty() && bytes + item.json.len() + 1 > BODY_BYTES {
                self.waiting.push_front(item);
                break;
            }
            self.waiting_bytes -= item.json.len();
            bytes += item.json.len() + 1;
            items.push(item);
        }
        items
    }

    /// Returns the first sequence number that is still queued or in flight. Every number below it
    /// is in the batch being packed, was delivered or was dropped.
    fn settled(&self) -> u64 {
        let under_way = self.in_flight.iter().flat_map(|request| &request.items);
        self.waiting
            .iter()
            .chain(under_way)
            .filter(|item| item.generation == self.sequence.generation)
            .map(|item| item.number)
            .fold(self.sequence.next, u64::min)
    }
}

#[cfg(test)]
mod tests;
