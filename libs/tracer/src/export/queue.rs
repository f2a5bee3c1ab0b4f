//! The queue of ended spans: bounded in number and bytes. It never blocks, and it counts the spans
//! that it drops.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use throughline_wire::{DropReason, Span};
use tokio::sync::Notify;

use crate::memory::span_bytes;
use crate::numbers::Numbers;

/// The limits of the queue, which include the spans being sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) spans: usize,
    pub(crate) bytes: usize,
    /// The number of spans in a batch. The worker is woken each time the queue grows by this
    /// number.
    pub(crate) batch: usize,
}

/// A span with its memory size in the queue, in bytes.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) span: Box<Span>,
    pub(crate) bytes: usize,
}

/// Counts of the spans of a tracer since its start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    /// Spans that ended and entered the queue.
    pub accepted: u64,
    /// Spans that the collector acknowledged.
    pub exported: u64,
    /// Spans that were lost, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Spans that are queued or being sent.
    pub queued: usize,
}

const REASONS: [DropReason; 7] = [
    DropReason::QueueFull,
    DropReason::TooBig,
    DropReason::RetriesExhausted,
    DropReason::Unsampled,
    DropReason::Redacted,
    DropReason::Rejected,
    DropReason::Other,
];

/// The sending side of the queue, shared by all recording threads.
#[derive(Debug)]
pub(crate) struct Queue {
    sender: SyncSender<Queued>,
    limits: Limits,
    held: AtomicUsize,
    held_bytes: AtomicUsize,
    accepted: AtomicU64,
    exported: AtomicU64,
    /// Drops since the start, by reason. `unreported` counts those that no batch has reported.
    dropped: [AtomicU64; 7],
    unreported: [AtomicU64; 7],
    closed: AtomicBool,
    pub(crate) numbers: Numbers,
    pub(crate) wake: Notify,
}

impl Queue {
    pub(crate) fn new(limits: Limits) -> (Self, Receiver<Queued>) {
        let (sender, receiver) = sync_channel(limits.spans);
        let queue = Self {
            sender,
            limits,
            held: AtomicUsize::new(0),
            held_bytes: AtomicUsize::new(0),
            accepted: AtomicU64::new(0),
            exported: AtomicU64::new(0),
            dropped: Default::default(),
            unreported: Default::default(),
            closed: AtomicBool::new(false),
            numbers: Numbers::new(),
            wake: Notify::new(),
        };
        (queue, receiver)
    }

    pub(crate) const fn limits(&self) -> Limits {
        self.limits
    }

    /// Adds a span to the queue, or drops and counts it. Never blocks.
    pub(crate) fn offer(&self, span: Box<Span>) {
        if self.closed.load(Ordering::Relaxed) {
            return;
        }
        let bytes = span_bytes(&span);
        if bytes > self.limits.bytes {
            self.count_dropped(DropReason::TooBig, 1);
            self.numbers.drop_one(span.sequence);
            return;
        }
        // Claim the space first, then check the limit: two threads then cannot both take the last
        // space.
        let held = self.held.fetch_add(1, Ordering::Relaxed);
        let held_bytes = self.held_bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = held < self.limits.spans && held_bytes + bytes <= self.limits.bytes;
        let sequence = span.sequence;
        if !fits || self.sender.try_send(Queued { span, bytes }).is_err() {
            self.release(1, bytes);
            self.count_dropped(DropReason::QueueFull, 1);
            self.numbers.drop_one(sequence);
            return;
        }
        self.accepted.fetch_add(1, Ordering::Relaxed);
        if (held + 1).is_multiple_of(self.limits.batch) {
            self.wake.notify_one();
        }
    }

    /// Frees the space of `spans` spans.
    fn release(&self, spans: usize, bytes: usize) {
        self.held.fetch_sub(spans, Ordering::Relaxed);
        self.held_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Counts spans that were sent. `rejected` of them were rejected.
    pub(crate) fn settle(&self, spans: usize, bytes: usize, rejected: u64) {
        self.release(spans, bytes);
        let exported = (spans as u64).saturating_sub(rejected);
        self.exported.fetch_add(exported, Ordering::Relaxed);
        self.count_dropped(DropReason::Rejected, rejected);
    }

    /// Counts spans taken from the queue as lost.
    pub(crate) fn lose(&self, spans: usize, bytes: usize, reason: DropReason) {
        self.release(spans, bytes);
        self.count_dropped(reason, spans as u64);
    }

    /// Returns the number of spans that entered the queue.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    fn count_dropped(&self, reason: DropReason, spans: u64) {
        let at = REASONS.iter().position(|known| *known == reason);
        let at = at.unwrap_or(REASONS.len() - 1);
        self.dropped[at].fetch_add(spans, Ordering::Relaxed);
        self.unreported[at].fetch_add(spans, Ordering::Relaxed);
    }

    /// Takes the counts of drops that no batch has reported; the caller reports them.
    pub(crate) fn take_unreported(&self) -> BTreeMap<DropReason, u64> {
        nonzero(|at| self.unreported[at].swap(0, Ordering::Relaxed))
    }

    /// Returns the counts of a batch that did not arrive; a later batch reports them.
    pub(crate) fn return_unreported(&self, dropped: &BTreeMap<DropReason, u64>) {
        for (slot, reason) in self.unreported.iter().zip(REASONS) {
            let spans = dropped.get(&reason).copied().unwrap_or_default();
            slot.fetch_add(spans, Ordering::Relaxed);
        }
    }

    /// Closes the queue: later spans are ignored and not counted, because the process is ending.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            accepted: self.accepted.load(Ordering::Relaxed),
            exported: self.exported.load(Ordering::Relaxed),
            dropped: nonzero(|at| self.dropped[at].load(Ordering::Relaxed)),
            queued: self.held.load(Ordering::Relaxed),
        }
    }
}

fn nonzero(count: impl Fn(usize) -> u64) -> BTreeMap<DropReason, u64> {
    REASONS
        .iter()
        .enumerate()
        .map(|(at, reason)| (*reason, count(at)))
        .filter(|(_, spans)| *spans > 0)
        .collect()
}
