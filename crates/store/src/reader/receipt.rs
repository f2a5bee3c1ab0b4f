//! What a trace can say of its completeness, and its spans that have begun and not ended.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

use sqlx::{FromRow, PgConnection};
use throughline_model::{Completeness, OpenFate, OpenSpan, ProcessFacts, ReadError, TraceFacts};
use throughline_wire::{ProcessId, Resource, SpanId, SpanKind, UnixNanos};
use uuid::Uuid;

use super::rows::{UNKNOWN_OPERATION, corrupt};
use crate::sqlstate::read_error;

/// Which trace, and when its spans may begin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub tenant: Uuid,
    pub trace_id: Uuid,
    pub first_ns: i64,
    pub last_ns: i64,
    /// Whether the directory knows of spans that have begun and not ended.
    pub has_open: bool,
    pub now: UnixNanos,
}

/// The receipt of a trace and its open spans. `parents` are the spans that others name as their
/// parent, `present` those that are there.
pub(super) async fn read(
    connection: &mut PgConnection,
    asked: Asked,
    parents: &HashSet<SpanId>,
    present: &HashSet<SpanId>,
) -> Result<(Completeness, Vec<OpenSpan>), ReadError> {
    let stored: Vec<StoredRow> = sqlx::query_as(include_str!("receipt_spans.sql"))
        .bind(asked.tenant)
        .bind(asked.trace_id)
        .bind(asked.first_ns)
        .bind(asked.last_ns)
        .fetch_all(&mut *connection)
        .await
        .map_err(read_error)?;
    let open = if asked.has_open {
        open_rows(connection, asked).await?
    } else {
        Vec::new()
    };
    let processes = processes(&mut *connection, asked.tenant, &stored, &open).await?;
    let open = open
        .into_iter()
        .map(|row| row.into_span(&processes, asked.now))
        .collect::<Result<Vec<_>, _>>()?;
    let noted: Option<TraceRow> = sqlx::query_as(include_str!("receipt_trace.sql"))
        .bind(asked.tenant)
        .bind(asked.trace_id)
        .fetch_optional(connection)
        .await
        .map_err(read_error)?;
    let noted = noted.unwrap_or_default();
    let mut trace = TraceFacts {
        too_large: noted.refused_count.unsigned_abs(),
        pruned_before: noted.pruned_before_ns.map(UnixNanos::new),
        absent_parents: absent(parents, present, &open),
        ..TraceFacts::default()
    };
    for row in stored {
        trace.spans += row.span_count.unsigned_abs();
        trace.cut_bytes = (trace.cut_bytes).saturating_add(row.cut_bytes.unsigned_abs());
        trace.unsampled += row.unsampled_count.unsigned_abs();
        trace.dropped_parts += row.dropped_parts.unsigned_abs();
        if row.unnumbered_count > 0 {
            trace.unnumbered.insert(service_name(row.service));
        }
    }
    let receipt = Completeness::of(trace, &processes, &open, asked.now);
    Ok((receipt, open))
}

async fn open_rows(connection: &mut PgConnection, asked: Asked) -> Result<Vec<OpenRow>, ReadError> {
    sqlx::query_as(include_str!("receipt_open.sql"))
        .bind(asked.tenant)
        .bind(asked.trace_id)
        .bind(asked.first_ns)
        .bind(asked.last_ns)
        .fetch_all(connection)
        .await
        .map_err(read_error)
}

/// How many parents are named and neither there nor open.
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
struct TraceRow {
    refused_count: i64,
    pruned_before_ns: Option<i64>,
}

#[derive(FromRow)]
struct StoredRow {
    process_id: Option<i64>,
    service: Option<String>,
    span_count: i64,
    unnumbered_count: i64,
    unsampled_count: i64,
    least: Option<i64>,
    greatest: Option<i64>,
    cut_bytes: i64,
    dropped_parts: i64,
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

/// What the processes of the trace say, around its numbers.
async fn processes(
    connection: &mut PgConnection,
    tenant: Uuid,
    stored: &[StoredRow],
    open: &[OpenRow],
) -> Result<Vec<ProcessFacts>, ReadError> {
    let of_stored = stored
        .iter()
        .filter_map(|row| Some((row.process_id?, row.least?, row.greatest?)));
    let of_open = open
        .iter()
        .filter_map(|row| Some((row.process_id?, row.sequence?, row.sequence?)));
    let mut numbers = BTreeMap::<i64, (i64, i64)>::new();
    for (process, least, greatest) in of_stored.chain(of_open) {
        let known = numbers.entry(process).or_insert((least, greatest));
        *known = (known.0.min(least), known.1.max(greatest));
    }
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<ProcessRow> = sqlx::query_as(include_str!("receipt_processes.sql"))
        .bind(tenant)
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
        .fetch_all(connection)
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
            // One that was refused as a start and taken later runs.
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

/// What is left of a range without the numbers in `open`.
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
