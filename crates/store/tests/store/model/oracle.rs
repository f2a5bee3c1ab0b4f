//! The expected answers of the store, computed from lists of spans.

use std::collections::{BTreeMap, BTreeSet};

use throughline_model::{
    Completeness, CompletenessState, RetentionRules, RollupFilter, RollupReport, TraceFilter,
    TracePredicate, TraceStatistics, TraceSummary,
};
use throughline_testkit::{Sent, rollups_of, selected, statistics_of, summaries_of};
use throughline_wire::{SpanId, StatusCode, TraceId, UnixNanos};

use super::evaluate::has;

/// The report of a process about the sequence numbers of its spans.
#[derive(Debug, Clone, Default)]
pub(super) struct Numbers {
    /// All numbers below this one were given to spans.
    pub next: u64,
    /// All missing numbers below this one are lost.
    pub settled: u64,
    pub received: BTreeSet<u64>,
    pub refused: BTreeSet<u64>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Oracle {
    /// The clock of the servers.
    pub now: UnixNanos,
    /// The spans of all traces.
    pub stored: Vec<Sent>,
    /// The spans that rollups count: also those of removed traces, but not those that were too old
    /// on arrival.
    pub counted: Vec<Sent>,
    pub pinned: BTreeSet<TraceId>,
    /// The traces with an event of severity WARN.
    pub warned: BTreeSet<TraceId>,
    /// The numbers of the services that number their spans.
    pub processes: BTreeMap<&'static str, Numbers>,
}

impl Oracle {
    pub(super) fn new(now: UnixNanos) -> Self {
        let processes = ["shop", "database"].map(|service| (service, Numbers::default()));
        Self {
            now,
            processes: processes.into(),
            ..Self::default()
        }
    }

    pub(super) fn is_stored(&self, sent: &Sent) -> bool {
        self.stored.contains(sent)
    }

    /// Adds a span if it is new.
    pub(super) fn store(&mut self, sent: &Sent) {
        if self.is_stored(sent) {
            return;
        }
        self.stored.push(sent.clone());
        // The test chooses times that are not near this instant.
        let oldest = self
            .now
            .saturating_add(-RetentionRules::default().spans_ns());
        if sent.span.start >= oldest {
            self.counted.push(sent.clone());
        }
        let process = self.processes.get_mut(&*sent.resource.service_name());
        if let (Some(process), Some(number)) = (process, sent.span.sequence) {
            process.received.insert(number);
        }
    }

    /// Returns the ids of all traces, in their order.
    pub(super) fn trace_ids(&self) -> Vec<TraceId> {
        let ids: BTreeSet<_> = self.stored.iter().map(|sent| sent.span.trace_id).collect();
        ids.into_iter().collect()
    }

    pub(super) fn spans(&self, trace_id: TraceId) -> Vec<&Sent> {
        let of_trace = |sent: &&Sent| sent.span.trace_id == trace_id;
        self.stored.iter().filter(of_trace).collect()
    }

    /// Removes the traces that are expired at `clock`.
    pub(super) fn expire(&mut self, clock: UnixNanos) -> BTreeSet<TraceId> {
        let rules = RetentionRules::default();
        let mut gone = BTreeSet::new();
        for trace_id in self.trace_ids() {
            let spans = self.spans(trace_id);
            let end = spans.iter().map(|sent| sent.span.end).max();
            let failed = |sent: &&&Sent| sent.span.status.code == StatusCode::Error;
            let is_bad = spans.iter().any(|sent| failed(&sent)) || self.warned.contains(&trace_id);
            let kept_ns = if is_bad { rules.error_ns } else { rules.ok_ns };
            let is_past = end.is_some_and(|end| end < clock.saturating_add(-kept_ns));
            if is_past && !self.pinned.contains(&trace_id) {
                gone.insert(trace_id);
            }
        }
        self.stored
            .retain(|sent| !gone.contains(&sent.span.trace_id));
        self.warned.retain(|trace_id| !gone.contains(trace_id));
        gone
    }

    /// Returns the list of a filter.
    pub(super) fn list(&self, filter: &TraceFilter) -> Vec<TraceSummary> {
        let mut traces = selected(&self.stored, filter, self.now);
        self.mark_pins(&mut traces);
        traces.retain(|trace| trace.is_pinned || !filter.is_pinned);
        traces
    }

    /// Returns the traces that meet a predicate.
    pub(super) fn search(&self, predicate: &TracePredicate) -> Vec<TraceSummary> {
        let mut traces = summaries_of(&self.stored);
        self.mark_pins(&mut traces);
        traces.retain(|trace| has(predicate, &self.spans(trace.trace_id)));
        traces
    }

    fn mark_pins(&self, traces: &mut [TraceSummary]) {
        for trace in traces {
            trace.is_pinned = self.pinned.contains(&trace.trace_id);
        }
    }

    pub(super) fn statistics(&self, filter: &TraceFilter) -> TraceStatistics {
        let (from, to) = filter.range.bounds(self.now);
        statistics_of(&self.list(filter), from, to)
    }

    pub(super) fn rollups(&self, filter: &RollupFilter) -> RollupReport {
        rollups_of(&self.counted, filter, self.now)
    }

    pub(super) fn completeness(&self, trace_id: TraceId) -> Completeness {
        let spans = self.spans(trace_id);
        let present: BTreeSet<SpanId> = spans.iter().map(|sent| sent.span.span_id).collect();
        let parents: BTreeSet<SpanId> = (spans.iter())
            .filter_map(|sent| sent.span.parent_span_id)
            .collect();
        let without_number = spans.iter().filter(|sent| sent.span.sequence.is_none());
        let services = without_number.map(|sent| sent.resource.service_name().into_owned());
        let mut completeness = Completeness {
            spans: spans.len() as u64,
            absent_parents: parents.difference(&present).count() as u64,
            unnumbered: services.collect(),
            ..Completeness::default()
        };
        for (service, process) in &self.processes {
            let of_process = |sent: &&&Sent| sent.resource.service_name() == *service;
            let numbers = spans.iter().filter(of_process);
            let numbers: Vec<u64> = numbers.filter_map(|sent| sent.span.sequence).collect();
            process.judge(&numbers, &mut completeness);
        }
        let missing = completeness.lost + completeness.rejected + completeness.absent_parents;
        completeness.state = match (missing, completeness.under_way) {
            (0, 0) if completeness.unnumbered.is_empty() => CompletenessState::Complete,
            (0, 0) => CompletenessState::Unknown,
            (0, _) => CompletenessState::Running,
            (_, _) => CompletenessState::Missing,
        };
        completeness
    }
}

impl Numbers {
    /// Adds the missing numbers of a trace: those between two numbers of the trace that the process
    /// has.
    fn judge(&self, of_trace: &[u64], completeness: &mut Completeness) {
        let (Some(&least), Some(&greatest)) = (of_trace.iter().min(), of_trace.iter().max()) else {
            return;
        };
        let is_there = |number: &u64| self.received.contains(number);
        let below = (0..least).rev().take_while(|number| !is_there(number));
        let above = (greatest + 1..self.next).take_while(|number| !is_there(number));
        let among = (least..greatest).filter(|number| !is_there(number));
        for number in below.chain(among).chain(above) {
            let count = if self.refused.contains(&number) {
                &mut completeness.rejected
            } else if number < self.settled {
                &mut completeness.lost
            } else {
                &mut completeness.under_way
            };
            *count += 1;
        }
    }
}
