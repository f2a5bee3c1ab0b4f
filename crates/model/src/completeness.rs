//! What a trace can say of its own completeness.

use core::fmt;
use core::ops::Range;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use throughline_wire::{ProcessId, SpanId, SpanKind, UnixNanos};

mod fate;
#[cfg(test)]
mod tests;

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
    /// A sender does not number its spans, so that nobody can tell.
    #[default]
    Unknown,
}

/// The receipt of a trace: how many spans are there, what is missing and why.
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
    /// Spans that were sent and refused.
    pub rejected: u64,
    /// How many of these, because the trace had as many spans as a trace may have.
    pub too_large: u64,
    /// Spans that others name as their parent and that are not there.
    pub absent_parents: u64,
    /// Services that do not number all their spans.
    pub unnumbered: BTreeSet<String>,
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
}

impl Completeness {
    /// The receipt, as of `now`; the order of the lists does not matter.
    pub fn of(
        trace: TraceFacts,
        processes: &[ProcessFacts],
        open: &[OpenSpan],
        now: UnixNanos,
    ) -> Self {
        let mut receipt = Self {
            spans: trace.spans,
            cut_bytes: trace.cut_bytes,
            dropped_parts: trace.dropped_parts,
            absent_parents: trace.absent_parents,
            unnumbered: trace.unnumbered,
            too_large: trace.too_large,
            running: by_service(open, |fate| fate == OpenFate::Running),
            abandoned: by_service(open, |fate| fate != OpenFate::Running),
            ..Self::default()
        };
        for process in processes {
            receipt.add(process, now);
        }
        // By number a process knows those near the trace's others; without numbers nobody does.
        receipt.rejected = receipt.rejected.max(receipt.too_large);
        receipt.state = receipt.judge();
        receipt
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
        if gone > 0 && process.dropped >= process.missing.max(gone) {
            self.dropped += gone;
            self.drop_reasons.extend(process.drop_reasons.clone());
        } else {
            self.lost += gone;
        }
    }

    fn judge(&self) -> CompletenessState {
        let missing = self.lost + self.dropped + self.rejected + self.absent_parents;
        if missing > 0 || !self.abandoned.is_empty() {
            CompletenessState::Missing
        } else if !self.running.is_empty() || self.under_way > 0 {
            CompletenessState::Running
        } else if self.unnumbered.is_empty() {
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

/// `1 span`, `2 spans`.
fn spans(count: u64) -> String {
    format!("{count} span{}", if count == 1 { "" } else { "s" })
}

/// The receipt in plain words: `42 of 42 spans, 0 bytes cut`.
impl fmt::Display for Completeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.state == CompletenessState::Complete {
            parts.push(format!("{} of {}", self.spans, spans(self.spans)));
        }
        for (service, count) in &self.running {
            parts.push(format!("{} still running in {service}", spans(*count)));
        }
        for (service, count) in &self.abandoned {
            parts.push(format!(
                "{} did not end before {service} did",
                spans(*count)
            ));
        }
        if self.lost > 0 {
            parts.push(format!("{} lost", spans(self.lost)));
        }
        if self.dropped > 0 {
            let reasons: Vec<_> = self.drop_reasons.iter().map(String::as_str).collect();
            let reasons = reasons.join(", ").replace('_', " ");
            parts.push(format!(
                "{} dropped by the sender: {reasons}",
                spans(self.dropped)
            ));
        }
        if self.rejected > 0 {
            parts.push(format!("{} refused by the server", spans(self.rejected)));
        }
        if self.too_large > 0 {
            parts.push(format!(
                "{} of them beyond the most a trace may have",
                self.too_large
            ));
        }
        if self.absent_parents > 0 {
            parts.push(format!(
                "{} named as a parent never came",
                spans(self.absent_parents)
            ));
        }
        if self.under_way > 0 {
            parts.push(format!("{} may be under way", spans(self.under_way)));
        }
        if !self.unnumbered.is_empty() {
            let services: Vec<_> = self.unnumbered.iter().map(String::as_str).collect();
            let verb = if services.len() == 1 {
                "does not number its"
            } else {
                "do not number their"
            };
            parts.push(format!("unknown: {} {verb} spans", services.join(", ")));
        }
        if self.cut_bytes > 0 || self.state == CompletenessState::Complete {
            parts.push(format!("{} bytes cut", self.cut_bytes));
        }
        f.write_str(&parts.join(", "))
    }
}
