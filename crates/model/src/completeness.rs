//! What a trace can say of its own completeness.

use core::ops::Range;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use throughline_wire::{DropReason, ProcessId, SpanId, SpanKind, UnixNanos};

mod fate;
#[cfg(test)]
mod tests;
mod words;

pub use fate::{OpenFate, SILENCE_NS};

/// What is known of the whole of a trace, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompletenessState {
    /// Every span that its processes began near it is there.
    Complete,
    /// Nothing is missing so far; some spans run or are on their way.
    Running,
    /// Something is missing that will not come by itself.
    Missing,
    /// A sender does not number its spans, or samples, so that nobody can tell.
    #[default]
    Unknown,
}

/// The completeness of a trace: how many spans are there, what is missing and why.
///
/// A span that is missing is known by its number only, not by its trace: it counts here when its
/// number lies between those of the trace's spans of the same process, or directly before or
/// behind them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Completeness {
    /// In one word.
    pub state: CompletenessState,
    /// Spans that are there, ended.
    pub spans: u64,
    /// Bytes of values that were cut off.
    pub cut_bytes: u64,
    /// Attributes, events and links that senders say they dropped.
    pub dropped_parts: u64,
    /// Spans that run, by service.
    pub running: Vec<(String, u64)>,
    /// Spans whose process ended or died while they ran, by service.
    pub abandoned: Vec<(String, u64)>,
    /// Numbers given to spans that may yet come.
    pub under_way: u64,
    /// Numbers that will not come, for no reason told.
    pub lost: u64,
    /// Numbers that will not come because their sender dropped them.
    pub dropped: u64,
    /// The words for why.
    pub drop_reasons: BTreeSet<String>,
    /// Numbers that will not come because their sender's sampling left them out.
    pub sampled: u64,
    /// Spans whose flags say that their trace is not sampled, so that others may be left out.
    pub unsampled: u64,
    /// Spans that were sent and refused.
    pub rejected: u64,
    /// How many of these, because the trace had as many spans as a trace may have.
    pub too_large: u64,
    /// Spans that others name as their parent and that are not there.
    pub absent_parents: u64,
    /// What began before this was removed, because the database had no room for it.
    #[serde(rename = "pruned_before_ns")]
    pub pruned_before: Option<UnixNanos>,
    /// Services that do not number all their spans.
    pub unnumbered: BTreeSet<String>,
    /// Whether a process left more gaps since than are remembered.
    pub is_forgotten: bool,
}

/// A span that has begun and not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSpan {
    /// The span.
    pub span_id: SpanId,
    /// Its parent, as it was sent.
    pub parent_span_id: Option<SpanId>,
    /// The operation.
    pub name: String,
    /// Its role in a call.
    pub kind: SpanKind,
    /// Its service.
    pub service: String,
    /// When it began.
    #[serde(rename = "start_ns")]
    pub start: UnixNanos,
    /// Until when it is known to have run: now, or when its process was last heard.
    #[serde(rename = "seen_ns")]
    pub seen: UnixNanos,
    /// What became of it.
    pub fate: OpenFate,
}

/// What is known of a process that has spans in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessFacts {
    /// The process.
    pub process: ProcessId,
    /// The least and the greatest number its spans in the trace have, open ones included.
    pub in_trace: (u64, u64),
    /// Numbers around these that were not received.
    pub gaps: Vec<Range<u64>>,
    /// Numbers around these that were refused.
    pub rejected: Vec<Range<u64>>,
    /// Numbers of all its spans that are open.
    pub open: BTreeSet<u64>,
    /// See [`throughline_wire::BatchSequence::settled`].
    pub settled: u64,
    /// How many numbers below `settled` are neither received, refused nor open.
    pub missing: u64,
    /// How many spans it says it dropped, and why.
    pub dropped: u64,
    /// The words for why.
    pub drop_reasons: BTreeSet<String>,
    /// When the server last heard of it.
    pub last_seen: UnixNanos,
    /// Whether it said goodbye.
    pub ended: bool,
    /// Whether gaps below or among the trace's numbers are remembered no more.
    pub is_forgotten: bool,
}

impl ProcessFacts {
    /// What became of its open spans, as of `now`.
    pub fn fate(&self, now: UnixNanos) -> OpenFate {
        OpenFate::of_process(self.ended, self.last_seen, now)
    }
}

/// What is stored of the trace itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TraceFacts {
    /// Spans that are there, ended.
    pub spans: u64,
    /// Bytes of values that were cut off.
    pub cut_bytes: u64,
    /// Attributes, events and links that senders say they dropped.
    pub dropped_parts: u64,
    /// Spans that others name as their parent and that are not there, open ones included.
    pub absent_parents: u64,
    /// Services with spans that have no number.
    pub unnumbered: BTreeSet<String>,
    /// Spans that were refused because the trace had as many as it may have.
    pub too_large: u64,
    /// What began before this was removed for want of room.
    pub pruned_before: Option<UnixNanos>,
    /// Spans whose flags say that the trace is not sampled.
    pub unsampled: u64,
}

impl Completeness {
    /// The completeness, as of `now`; the order of the lists does not matter.
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
            // Whether a parent came and was removed nobody can tell.
            absent_parents: match trace.pruned_before {
                Some(_) => 0,
                None => trace.absent_parents,
            },
            pruned_before: trace.pruned_before,
            unnumbered: trace.unnumbered,
            too_large: trace.too_large,
            unsampled: trace.unsampled,
            running: by_service(open, |fate| fate == OpenFate::Running),
            abandoned: by_service(open, |fate| fate != OpenFate::Running),
            ..Self::default()
        };
        for process in processes {
            completeness.add(process, now);
        }
        // By number a process knows those near the trace's others; without numbers nobody does.
        completeness.rejected = completeness.rejected.max(completeness.too_large);
        completeness.state = completeness.judge();
        completeness
    }

    fn add(&mut self, process: &ProcessFacts, now: UnixNanos) {
        let (least, greatest) = process.in_trace;
        let is_over = process.fate(now) != OpenFate::Running;
        let (mut gone, mut rejected) = (0, 0);
        for gap in &process.gaps {
            // Between the trace's numbers, or touching them from outside.
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
        let is_told = gone > 0 && process.dropped >= process.missing.max(gone);
        let mut reasons = process.drop_reasons.iter();
        if is_told && reasons.all(|reason| reason == DropReason::Unsampled.as_str()) {
            self.sampled += gone;
        } else if is_told {
            self.dropped += gone;
            self.drop_reasons.extend(process.drop_reasons.clone());
        } else {
            self.lost += gone;
        }
    }

    fn judge(&self) -> CompletenessState {
        let missing = self.lost + self.dropped + self.sampled + self.rejected + self.absent_parents;
        if missing > 0 || self.pruned_before.is_some() || !self.abandoned.is_empty() {
            CompletenessState::Missing
        } else if !self.running.is_empty() || self.under_way > 0 {
            CompletenessState::Running
        } else if self.unnumbered.is_empty() && self.unsampled == 0 && !self.is_forgotten {
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
