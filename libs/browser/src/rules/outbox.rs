//! Spans on their way out: bounded, split by bytes, sent one batch at a time, kept when that fails.

mod answers;
mod parts;
mod sequence_state;

use std::collections::VecDeque;
use std::fmt::Write as _;

use throughline_wire::{DropReason, ProcessId, UnixNanos};

use self::parts::{FlushReason, InFlightRequest, Item};
use self::sequence_state::{Dropped, SequenceState};
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
/// Room for what stands around the spans beside the header: clock, numbers and drop counters.
const AROUND_BYTES: usize = 768;

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

/// The queue and what is under way. Times are monotonic ms.
pub(crate) struct Outbox {
    /// `{"resource":..,"scope":..,` as JSON.
    header: String,
    waiting: VecDeque<Item>,
    waiting_bytes: usize,
    /// What no batch that arrived has told yet.
    dropped: Dropped,
    sequence: SequenceState,
    in_flight: Vec<InFlightRequest>,
    next_id: u32,
    failures: u32,
    not_before_ms: f64,
}

impl Outbox {
    /// An empty one; `resource` and `scope` are JSON.
    pub(crate) fn new(resource: &str, scope: &str, process: Option<ProcessId>) -> Self {
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
        }
    }

    /// The number of a span that is told of for the first time: whatever becomes of it, it must be
    /// pushed or dropped.
    pub(crate) fn number(&mut self) -> u64 {
        let number = self.sequence.next;
        self.sequence.next += 1;
        number
    }

    /// Whether the page has said that it begins nothing more.
    pub(crate) fn has_said_goodbye(&self) -> bool {
        self.sequence.has_ended
    }

    /// The page lives on after its goodbye, as another process.
    pub(crate) fn begin_again(&mut self, process: Option<ProcessId>) {
        self.sequence.begin_again(process);
    }

    /// Counts spans that have their numbers and will not be told.
    pub(crate) fn count_dropped(&mut self, reason: DropReason, count: u64) {
        self.dropped.add(reason, count);
        self.sequence.dropped.add(reason, count);
    }

    /// Takes a span as JSON. When there is no space it is dropped and counted.
    pub(crate) fn push(&mut self, number: u64, json: String) {
        let generation = self.sequence.generation;
        // Its start is of no use any more.
        if let Some(at) = self.waiting.iter().position(|item| {
            item.is_start && item.number == number && item.generation == generation
        }) && let Some(start) = self.waiting.remove(at)
        {
            self.waiting_bytes -= start.json.len();
        }
        if json.len() + self.header.len() + AROUND_BYTES > UNLOAD_BYTES {
            self.count_dropped(DropReason::TooBig, 1);
        } else if self.has_space(json.len()) {
            self.enter(number, false, json);
        } else {
            self.count_dropped(DropReason::QueueFull, 1);
        }
    }

    /// Takes what is known of an open span, as JSON with `number`.
    pub(crate) fn push_start(&mut self, number: u64, json: String) {
        self.enter(number, true, json);
    }

    /// Whether the start of an open span, of so many bytes, may be told now: only while there is
    /// plenty of space.
    pub(crate) fn has_room_for_start(&self, bytes: usize) -> bool {
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

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether there is enough to send at once.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= FULL_SPANS || self.waiting_bytes >= BODY_BYTES
    }

    /// The next request of the ordinary chain: one at a time, and after a failure not too soon;
    /// with `heartbeat` also when nothing waits.
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
        match self.pack(BODY_BYTES, reason, sent_at) {
            Some(parcel) => Next::Send(parcel),
            None => Next::Rest,
        }
    }

    /// The next request to make while the page is hidden or being left (`leaving`: with the last
    /// one it says goodbye); nothing when all is sent or the browser would refuse more.
    pub(crate) fn next_at_unload(&mut self, sent_at: UnixNanos, leaving: bool) -> Option<Parcel> {
        let kept = self
            .in_flight
            .iter()
            .filter(|request| request.kept_bytes > 0);
        if kept.count() >= UNLOAD_REQUESTS {
            return None;
        }
        let space = self.unload_space().min(BODY_BYTES);
        let first = self.waiting.front()?.json.len();
        // A lone span may be larger than an ordinary body.
        let space = if first + self.header.len() + AROUND_BYTES > space {
            self.unload_space()
        } else {
            space
        };
        let reason = if leaving {
            FlushReason::Leaving
        } else {
            FlushReason::Hidden
        };
        self.pack(space, reason, sent_at)
    }

    fn unload_space(&self) -> usize {
        let kept: usize = self
            .in_flight
            .iter()
            .map(|request| request.kept_bytes)
            .sum();
        UNLOAD_BYTES.saturating_sub(kept)
    }

    /// Moves the oldest items into a request of at most `space` bytes; an ordinary one takes at
    /// least one.
    fn pack(&mut self, space: usize, reason: FlushReason, sent_at: UnixNanos) -> Option<Parcel> {
        // A request that outlives the page is safe should the page go now. After a failure the
        // plain kind is tried: other code of the page may have used up what browsers allow.
        let keepalive =
            !reason.is_ordinary() || self.failures == 0 && self.unload_space() >= BODY_BYTES;
        let items = self.take(space, reason.is_ordinary());
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
        let keepalive = keepalive && body.len() <= self.unload_space();
        self.next_id = self.next_id.wrapping_add(1);
        self.in_flight.push(InFlightRequest {
            id: self.next_id,
            items,
            dropped,
            kept_bytes: if keepalive { body.len() } else { 0 },
            ordinary: reason.is_ordinary(),
        });
        Some(Parcel {
            id: self.next_id,
            body,
            keepalive,
        })
    }

    /// Takes out the oldest items, of one process, that fit into `space` bytes; one always when
    /// `at_least_one`.
    fn take(&mut self, space: usize, at_least_one: bool) -> Vec<Item> {
        let mut items: Vec<Item> = Vec::new();
        let mut bytes = self.header.len() + AROUND_BYTES;
        while let Some(item) = self.waiting.pop_front() {
            let must_go = at_least_one && items.is_empty();
            let is_other = (items.first()).is_some_and(|one| one.generation != item.generation);
            // With its comma.
            if is_other || !must_go && bytes + item.json.len() + 1 > space {
                self.waiting.push_front(item);
                break;
            }
            self.waiting_bytes -= item.json.len();
            bytes += item.json.len() + 1;
            items.push(item);
        }
        items
    }

    /// Every number below this is in the batch being packed, arrived or was dropped.
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
