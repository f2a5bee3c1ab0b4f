//! Reads the completeness of a trace and its running spans.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

use sqlx::FromRow;
use throughline_model::{
    Completeness, DroppedSpans, OpenFate, OpenSpan, ProcessFacts, ReadError, TraceFacts,
    TraceSummary,
};
use throughline_wire::{ProcessId, Resource, SpanId, SpanKind, UnixNanos};
use uuid::Uuid;

use super::context::ReadContext;
use super::corrupt::corrupt;
use super::dropped_spans;
use super::operation::{Operation, UNKNOWN_OPERATION};
use super::span_facts::SpanFacts;
use super::stored::StoredTrace;
use crate::ids::{self, uuid};
use crate::sqlstate::read_error;

/// The longest expected delay of a report about dropped spans. Senders retry for minutes.
const REPORT_DELAY_NS: i64 = 5 * UnixNanos::PER_MINUTE;

/// Returns the completeness of the trace with this summary, and its running spans. `operations` must contain the
/// operations that the span facts name.
pub(super) async fn read(
    context: &mut ReadContext<'_>,
    summary: &TraceSummary,
    stored: &StoredTrace,
    operations: &HashMap<i64, Operation>,
) -> Result<(Completeness, Vec<OpenSpan>), ReadError> {
    let (present, parents) = stored.relations();
    let facts = &stored.facts;
    let trace_id = uuid(summary.trace_id);
    let open = if summary.open.is_some() {
        open_rows(context, trace_id, &present).await?
    } else {
        Vec::new()
    };
    let processes = processes(context, facts, &open).await?;
    let open = open
        .into_iter()
        .map(|row| row.into_span(&processes, context.now))
        .collect::<Result<Vec<_>, _>>()?;
    let trace_row: Option<CompletenessRow> = sqlx::query_as(include_str!("completeness_trace.sql"))
        .bind(context.tenant)
        .bind(trace_id)
        .fetch_optional(&mut *context.connection)
        .await
        .map_err(read_error)?;
    let trace_row = trace_row.unwrap_or_default();
    let dropped_meanwhile = dropped_meanwhile(context, summary).await?;
    let unnumbered = facts.unnumbered.iter().map(|id| {
        let operation = operations.get(id);
        operation.map_or(Resource::UNKNOWN_SERVICE, Operation::service)
    });
    let trace = TraceFacts {
        too_large: trace_row.refused_count.unsigned_abs(),
        pruned_before: trace_row.pruned_before_ns.map(UnixNanos::new),
        absent_parents: absent(&parents, &present, &open),
        spans: facts.span_count,
        cut_bytes: facts.cut_bytes,
        dropped_parts: facts.dropped_parts,
        unnumbered: unnumbered.map(str::to_owned).collect(),
        dropped_meanwhile,
    };
    let completeness = Completeness::of(trace, &processes, &open, context.now);
    Ok((completeness, open))
}

/// Returns the spans that services of the trace dropped while it ran or shortly after, when a report
/// about that time may have come.
async fn dropped_meanwhile(
    context: &mut ReadContext<'_>,
    summary: &TraceSummary,
) -> Result<Vec<DroppedSpans>, ReadError> {
    let services = summary.services.iter();
    let services = services.map(|service| ids::service(service)).collect();
    let end = summary.start.saturating_add(summary.duration_ns);
    let to = end.saturating_add(REPORT_DELAY_NS);
    dropped_spans::read(context, (summary.start.get(), to.get()), Some(services)).await
}

/// Reads the running spans of a trace. A span that has ended hides its start row.
async fn open_rows(
    context: &mut ReadContext<'_>,
    trace_id: Uuid,
    present: &HashSet<SpanId>,
) -> Result<Vec<OpenRow>, ReadError> {
    let mut rows: Vec<OpenRow> = sqlx::query_as(include_str!("completeness_open.sql"))
        .bind(context.tenant)
        .bind(trace_id)
        .fetch_all(&mut *context.connection)
        .await
        .map_err(read_error)?;
    rows.retain(|row| !SpanId::from_i64(row.span_id).is_ok_and(|id| present.contains(&id)));
    Ok(rows)
}

/// Returns the number of parent IDs that are neither stored nor running.
fn absent(parents: &HashSet<SpanId>, present: &HashSet<SpanId>, open: &[OpenSpan]) -> u64 {
    let begun: HashSet<SpanId> = open.iter().map(|span| span.span_id).collect();
    let of_open = open.iter().filter_map(|span| span.parent_span_id);
    let named: HashSet<SpanId> = parents.iter().copied().chain(of_open).collect();
    let is_absent = |parent: &&SpanId| !present.contains(parent) && !begun.contains(parent);
    named.iter().filter(is_absent).count() as u64
}

fn service_name(name: Option<String>) -> String {
    name.unwrap_or_else(|| Resource::UNKNOWN_SERVICE.to_owned())
}

#[derive(Default, FromRow)]
struct CompletenessRow {
    refused_count: i64,
    pruned_before_ns: Option<i64>,
}

#[derive(FromRow)]
struct OpenRow {
    span_id: i64,
    parent_span_id: Option<i64>,
    start_ns: i64,
    process_id: Option<i64>,
    sequence: Option<i64>,
    name: Option<String>,
    kind: Option<i16>,
    service: Option<String>,
}

impl OpenRow {
    fn into_span(self, processes: &[ProcessFacts], now: UnixNanos) -> Result<OpenSpan, ReadError> {
        let id = |bits| SpanId::from_i64(bits).map_err(|_| corrupt("open_spans.span_id")());
        let process = processes
            .iter()
            .find(|process| Some(process.process.to_i64()) == self.process_id);
        let fate = process.map_or(OpenFate::ProcessDied, |process| process.fate(now));
        let start = UnixNanos::new(self.start_ns);
        let seen = match (fate, process) {
            (OpenFate::Running, _) => now,
            (_, Some(process)) => process.last_seen,
            (_, None) => start,
        };
        Ok(OpenSpan {
            span_id: id(self.span_id)?,
            parent_span_id: self.parent_span_id.map(id).transpose()?,
            name: self.name.unwrap_or_else(|| UNKNOWN_OPERATION.to_owned()),
            kind: SpanKind::from_code(self.kind.unwrap_or_default().into()),
            service: service_name(self.service),
            start,
            seen: seen.max(start),
            fate,
        })
    }
}

#[derive(FromRow)]
struct ProcessRow {
    id: i64,
    last_seen_ns: i64,
    settled_sequence: i64,
    has_ended: bool,
    forgotten_below: i64,
    gap_starts: Vec<i64>,
    gap_ends: Vec<i64>,
    rejected_starts: Vec<i64>,
    rejected_ends: Vec<i64>,
    open: Vec<i64>,
    missing: i64,
    dropped: i64,
    drop_reasons: Vec<String>,
}

/// Reads the reports of the processes of the trace, for the range of its sequence numbers.
async fn processes(
    context: &mut ReadContext<'_>,
    facts: &SpanFacts,
    open: &[OpenRow],
) -> Result<Vec<ProcessFacts>, ReadError> {
    let of_open = open
        .iter()
        .filter_map(|row| Some((row.process_id?, row.sequence?)));
    let mut numbers = facts.numbers.clone();
    for (process, sequence) in of_open {
        let known = numbers.entry(process).or_insert((sequence, sequence));
        *known = (known.0.min(sequence), known.1.max(sequence));
    }
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<ProcessRow> = sqlx::query_as(include_str!("completeness_processes.sql"))
        .bind(context.tenant)
        .bind(numbers.keys().copied().collect::<Vec<_>>())
        .bind(
            numbers
                .values()
                .map(|(least, _)| *least)
                .collect::<Vec<_>>(),
        )
        .bind(
            numbers
                .values()
                .map(|(_, greatest)| *greatest)
                .collect::<Vec<_>>(),
        )
        .fetch_all(&mut *context.connection)
        .await
        .map_err(read_error)?;
    rows.into_iter()
        .map(|row| {
            let in_trace = numbers.get(&row.id).copied().unwrap_or_default();
            row.into_facts(in_trace)
        })
        .collect()
}

impl ProcessRow {
    fn into_facts(self, (least, greatest): (i64, i64)) -> Result<ProcessFacts, ReadError> {
        let settled = self.settled_sequence.unsigned_abs();
        let open: BTreeSet<u64> = self.open.into_iter().map(i64::unsigned_abs).collect();
        let open_below = open.range(..settled).count() as u64;
        Ok(ProcessFacts {
            process: ProcessId::from_i64(self.id).map_err(|_| corrupt("processes.id")())?,
            in_trace: (least.unsigned_abs(), greatest.unsigned_abs()),
            gaps: ranges(self.gap_starts, self.gap_ends),
            // A span whose start was rejected, but that was accepted later, is running.
            rejected: ranges(self.rejected_starts, self.rejected_ends)
                .into_iter()
                .flat_map(|range| without(range, &open))
                .collect(),
            settled,
            is_forgotten: least < self.forgotten_below,
            missing: self.missing.unsigned_abs().saturating_sub(open_below),
            open,
            dropped: self.dropped.unsigned_abs(),
            drop_reasons: self.drop_reasons.into_iter().collect(),
            last_seen: UnixNanos::new(self.last_seen_ns),
            ended: self.has_ended,
        })
    }
}

/// Splits a range at the numbers in `open` and returns the ranges without them.
fn without(range: Range<u64>, open: &BTreeSet<u64>) -> Vec<Range<u64>> {
    let mut left = Vec::new();
    let mut start = range.start;
    for &number in open.range(range.clone()) {
        left.push(start..number);
        start = number + 1;
    }
    left.push(start..range.end);
    left.retain(|range| !range.is_empty());
    left
}

fn ranges(starts: Vec<i64>, ends: Vec<i64>) -> Vec<Range<u64>> {
    starts
        .into_iter()
        .zip(ends)
        .map(|(start, end)| start.unsigned_abs()..end.unsigned_abs())
        .collect()
}
