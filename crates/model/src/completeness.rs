//! The completeness of a trace: how many spans are stored, and how many are missing and why.

use core::ops::Range;
use std::collections::BTreeSet;

use crate::DroppedSpans;
use serde::{Deserialize, Serialize};
use throughline_wire::{DropReason, ProcessId, SpanId, SpanKind, UnixNanos};

mod fate;
#[cfg(test)]
mod tests;
mod words;

pub use fate::{OpenFate, SILENCE_NS};

/// The completeness of a trace, as one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompletenessState {
    /// Every span that its processes began near the trace is stored.
    Complete,
    /// Nothing is missing so far; some spans still run or have not arrived yet.
    Running,
    /// Something is missing and will not arrive.
    Missing,
    /// Completeness cannot be determined: a sender does not number its spans, or the server no
    /// longer remembers the gaps. Flags say nothing about it: a span that arrived was recorded, and
    /// many SDKs leave the sampled bit clear.
    #[default]
    Unknown,
}

/// The completeness of a trace: the number of spans stored, the number missing, and the reasons.
///
/// The server knows a missing span by its sequence number only. It does not know the span's trace.
/// A missing number counts for this trace when it lies between the numbers of the trace's spans of
/// the same process, or directly before or after them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Completeness {
    /// The summary of all fields below.
    pub state: CompletenessState,
    /// The number of stored spans that have ended.
    pub spans: u64,
    /// The number of bytes that were cut off from values.
    pub cut_bytes: u64,
    /// The number of attributes, events and links that senders report as dropped.
    pub dropped_parts: u64,
    /// The number of running spans, by service.
    pub running: Vec<(String, u64)>,
    /// The number of spans, by service, whose process ended or died while they ran.
    pub abandoned: Vec<(String, u64)>,
    /// The number of sequence numbers that are missing so far but may still arrive.
    pub under_way: u64,
    /// The number of sequence numbers that will not arrive, for an unknown reason.
    pub lost: u64,
    /// The number of sequence numbers that will not arrive because their sender dropped the spans.
    pub dropped: u64,
    /// The reasons that senders gave for dropping spans.
    pub drop_reasons: BTreeSet<String>,
    /// The number of sequence numbers that will not arrive because the sender's sampler left them
    /// out.
    pub sampled: u64,
    /// The number of spans that were sent and rejected.
    pub rejected: u64,
    /// The part of `rejected` that exceeded the limit of spans for one trace.
    pub too_large: u64,
    /// The number of spans that are named as a parent but are not stored.
    pub absent_parents: u64,
    /// Spans that began before this instant were removed because the database ran out of space.
    #[serde(rename = "pruned_before_ns")]
    pub pruned_before: Option<UnixNanos>,
    /// The spans that services of the trace dropped in its minutes. Nobody knows their traces: they
    /// may explain what is absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped_meanwhile: Vec<DroppedSpans>,
    /// Services that do not number all their spans.
    pub unnumbered: BTreeSet<String>,
    /// True if a process has left more gaps since then than the server remembers.
    pub is_forgotten: bool,
}

/// A span that has begun and has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSpan {
    /// The span.
    pub span_id: SpanId,
    /// The parent, as the sender wrote it.
    pub parent_span_id: Option<SpanId>,
    /// The name of the operation.
    pub name: String,
    /// The role of the span in a call.
    pub kind: SpanKind,
    /// The name of its service.
    pub service: String,
    /// The time at which it began.
    #[serde(rename = "start_ns")]
    pub start: UnixNanos,
    /// The latest time at which it is known to have run: now, or the last report of its process.
    #[serde(rename = "seen_ns")]
    pub seen: UnixNanos,
    /// The state of the span: running, or the reason why it will not end.
    pub fate: OpenFate,
}

/// The facts about one process that has spans in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessFacts {
    /// The process.
    pub process: ProcessId,
    /// The lowest and the highest sequence number of its spans in the trace, open spans included.
    pub in_trace: (u64, u64),
    /// Sequence numbers near these that were not received.
    pub gaps: Vec<Range<u64>>,
    /// Sequence numbers near these that were rejected.
    pub rejected: Vec<Range<u64>>,
    /// Sequence numbers of all its open spans.
    pub open: BTreeSet<u64>,
    /// See [`throughline_wire::BatchSequence::settled`].
    pub settled: u64,
    /// The count of sequence numbers below `settled` that are neither received, rejected nor open.
    pub missing: u64,
    /// The number of spans that the process reports as dropped.
    pub dropped: u64,
    /// The reasons that the process gave for dropping them.
    pub drop_reasons: BTreeSet<String>,
    /// The time of its last report.
    pub last_seen: UnixNanos,
    /// True if it sent its final report.
    pub ended: bool,
    /// True if the server no longer remembers gaps below or among the numbers of this trace.
    pub is_forgotten: bool,
}

impl ProcessFacts {
    /// Returns the state of its open spans, as of `now`.
    pub fn fate(&self, now: UnixNanos) -> OpenFate {
        OpenFate::of_process(self.ended, self.last_seen, now)
    }
}

/// The facts about the trace itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TraceFacts {
    /// The number of stored spans that have ended.
    pub spans: u64,
    /// The number of bytes that were cut off from values.
    pub cut_bytes: u64,
    /// The number of attributes, events and links that senders report as dropped.
    pub dropped_parts: u64,
    /// The number of spans that are named as a parent but are neither stored nor open.
    pub absent_parents: u64,
    /// Services with spans that have no sequence number.
    pub unnumbered: BTreeSet<String>,
    /// The number of spans that were rejected because the trace exceeded its span limit.
    pub too_large: u64,
    /// Spans that began before this instant were removed to free space.
    pub pruned_before: Option<UnixNanos>,
    /// The spans that services of the trace dropped in its minutes.
    pub dropped_meanwhile: Vec<DroppedSpans>,
}

impl Completeness {
    /// Computes the completeness as of `now`. The order of the slices does not matter.
    pub fn of(
        trace: TraceFacts,
        processes: &[ProcessFacts],
        open: &[OpenSpan],
        now: UnixNanos,
    ) -> Self {
        let mut completeness = Self {
            spans: trace.spans,
            cut_bytes: trace.cut_bytes,
            dropped_parts: trace.dropped_parts,
            // After pruning, nobody can tell whether an absent parent was stored and then removed.
            absent_parents: match trace.pruned_before {
                Some(_) => 0,
                None => trace.absent_parents,
            },
            pruned_before: trace.pruned_before,
            unnumbered: trace.unnumbered,
            too_large: trace.too_large,
            dropped_meanwhile: trace.dropped_meanwhile,
            running: by_service(open, |fate| fate == OpenFate::Running),
            abandoned: by_service(open, |fate| fate != OpenFate::Running),
            ..Self::default()
        };
        for process in processes {
            completeness.add(process, now);
        }
        // Sequence numbers tell only the rejected spans near this trace. Spans without numbers are
        // counted in `too_large` only, so the larger figure is the better one.
        completeness.rejected = completeness.rejected.max(completeness.too_large);
        completeness.state = completeness.judge();
        completeness
    }

    fn add(&mut self, process: &ProcessFacts, now: UnixNanos) {
        let (least, greatest) = process.in_trace;
        let is_over = process.fate(now) != OpenFate::Running;
        let (mut gone, mut rejected) = (0, 0);
        for gap in &process.gaps {
            // Count only gaps between the numbers of the trace, or directly before or after them.
            if gap.end < least || gap.start > greatest.saturating_add(1) {
                continue;
            }
            let refused: u64 = process
                .rejected
                .iter()
                .map(|range| overlap(gap, range))
                .sum();
            rejected += refused;
            let settled = if is_over {
                gap.end
            } else {
                process.settled.clamp(gap.start, gap.end)
            };
            let below = gap.start..settled;
            let refused_below: u64 = process
                .rejected
                .iter()
                .map(|range| overlap(&below, range))
                .sum();
            let open = process.open.range(gap.clone()).count() as u64;
            let open_below = process.open.range(below.clone()).count() as u64;
            let gone_here = (below.end - below.start).saturating_sub(refused_below + open_below);
            gone += gone_here;
            self.under_way += (gap.end - gap.start).saturating_sub(refused + open + gone_here);
        }
        self.rejected += rejected;
        self.is_forgotten |= process.is_forgotten;
        // A process reports how many spans it dropped, but not which. If more are missing from it in
        // total, that many of these gaps may be the lost ones.
        let missing = process.missing.max(gone);
        let lost = missing.saturating_sub(process.dropped).min(gone);
        let dropped = gone - lost;
        self.lost += lost;
        let mut reasons = process.drop_reasons.iter();
        if reasons.all(|reason| reason == DropReason::Unsampled.as_str()) {
            self.sampled += dropped;
        } else if dropped > 0 {
            self.dropped += dropped;
            self.drop_reasons.extend(process.drop_reasons.clone());
        }
    }

    fn judge(&self) -> CompletenessState {
        let missing = self.lost + self.dropped + self.sampled + self.rejected + self.absent_parents;
        if missing > 0 || self.pruned_before.is_some() || !self.abandoned.is_empty() {
            CompletenessState::Missing
        } else if !self.running.is_empty() || self.under_way > 0 {
            CompletenessState::Running
        } else if self.unnumbered.is_empty() && !self.is_forgotten {
            CompletenessState::Complete
        } else {
            CompletenessState::Unknown
        }
    }
}

fn overlap(a: &Range<u64>, b: &Range<u64>) -> u64 {
    a.end.min(b.end).saturating_sub(a.start.max(b.start))
}

fn by_service(open: &[OpenSpan], wanted: impl Fn(OpenFate) -> bool) -> Vec<(String, u64)> {
    let mut counts = std::collections::BTreeMap::<&str, u64>::new();
    for span in open.iter().filter(|span| wanted(span.fate)) {
        *counts.entry(&span.service).or_default() += 1;
    }
    counts
        .into_iter()
        .map(|(service, count)| (service.to_owned(), count))
        .collect()
}
