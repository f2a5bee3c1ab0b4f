//! The batches of one commit: their distinct rows, the outcome of each row, and the results.

mod starts;

use core::hash::BuildHasherDefault;
use std::collections::hash_map::Entry as MapEntry;
use std::collections::{BTreeSet, HashMap};

use throughline_wire::Rejection;

use super::batch::{EventOutcome, WriteOutcome};
use super::encoded::Encoded;
use super::events::EventRow;
use super::outcome::{Claimed, Committed, RowRef};
use super::payloads::Payload;
use super::queue::{Job, Reservation};
use super::row::BatchSpan;
use crate::WriteError;
use crate::block::SpanRecord;
use crate::ids::{EventKey, IdMap, SpanKey};

type Answer = tokio::sync::oneshot::Sender<Result<WriteOutcome, WriteError>>;

/// The batches that share a commit.
#[derive(Debug)]
pub(super) struct Group {
    batches: Vec<Encoded>,
    outcomes: Vec<Result<WriteOutcome, WriteError>>,
    /// The submitters that wait for a result, and their reserved bytes in the queue.
    waiting: Vec<(Answer, Reservation)>,
    /// Rows with the same content as another row of the group, and that other row.
    duplicates: Vec<(RowRef, RowRef)>,
    /// Rows that are rejected.
    rejected: HashMap<RowRef, String>,
}

impl Group {
    /// Creates a group from jobs and returns its distinct rows, which are to be stored, spans
    /// first.
    pub(super) fn new(jobs: Vec<Job>) -> (Self, Vec<RowRef>) {
        let mut group = Self {
            batches: Vec::with_capacity(jobs.len()),
            outcomes: Vec::with_capacity(jobs.len()),
            waiting: Vec::with_capacity(jobs.len()),
            duplicates: Vec::new(),
            rejected: HashMap::new(),
        };
        for mut job in jobs {
            group.outcomes.push(Ok(WriteOutcome {
                rejected: std::mem::take(&mut job.batch.rejected),
                events: EventOutcome {
                    rejected: std::mem::take(&mut job.batch.events.rejected),
                    ..EventOutcome::default()
                },
                ..WriteOutcome::default()
            }));
            group.batches.push(job.batch);
            group.waiting.push((job.answer, job.reserved));
        }
        let mut distinct = group.distinct();
        group.distinct_events(&mut distinct);
        (group, distinct)
    }

    fn distinct(&mut self) -> Vec<RowRef> {
        let count = self.batches.iter().map(|batch| batch.rows.len()).sum();
        // The map is keyed by digest, which covers everything but the tenant. The full key is
        // compared too.
        let mut first_of =
            IdMap::<_, SpanKey>::with_capacity_and_hasher(count, BuildHasherDefault::default());
        let mut distinct = Vec::with_capacity(count);
        for (at, batch) in self.batches.iter().enumerate() {
            for row_at in 0..batch.rows.len() {
                let this = RowRef {
                    batch: at as u32,
                    row: row_at as u32,
                    is_event: false,
                };
                match first_of.entry(self.span_key(this)) {
                    MapEntry::Vacant(entry) => {
                        entry.insert(this);
                        distinct.push(this);
                    }
                    MapEntry::Occupied(entry) if self.key(*entry.get()) == self.key(this) => {
                        self.duplicates.push((this, *entry.get()));
                    }
                    MapEntry::Occupied(_) => distinct.push(this),
                }
            }
        }
        distinct
    }

    /// Returns the key that identifies a span.
    fn key(&self, row: RowRef) -> ([u8; 16], [u8; 16], i64, i64, i64) {
        let batch = self.batch(row);
        let row = self.row(row);
        let (trace_id, span_id) = (row.trace_id, row.span_id);
        (batch.tenant, trace_id, span_id, row.start_ns, row.digest)
    }

    /// Returns the tenant and the digest of a span.
    pub(super) fn span_key(&self, row: RowRef) -> SpanKey {
        (self.batch(row).tenant, self.row(row).digest)
    }

    /// Returns the key of an event.
    pub(super) fn event_key(&self, row: RowRef) -> EventKey {
        let event = self.event(row);
        (self.batch(row).tenant, event.at_ns, event.digest)
    }

    /// Returns the span in the form that a block stores.
    pub(super) fn record(&self, row: RowRef) -> SpanRecord<'_> {
        self.row(row).record(&self.batch(row).bytes)
    }

    fn distinct_events(&mut self, distinct: &mut Vec<RowRef>) {
        let mut first_of = IdMap::<_, EventKey>::default();
        for (batch, encoded) in (0..).zip(&self.batches) {
            for (row, _) in (0..).zip(&encoded.events.rows) {
                let this = RowRef {
                    batch,
                    row,
                    is_event: true,
                };
                match first_of.entry(self.event_key(this)) {
                    MapEntry::Vacant(entry) => {
                        entry.insert(this);
                        distinct.push(this);
                    }
                    MapEntry::Occupied(entry) => self.duplicates.push((this, *entry.get())),
                }
            }
        }
    }

    /// Returns the batches that carry process reports besides rows.
    pub(super) fn with_reports(&self) -> impl Iterator<Item = &Encoded> {
        self.batches
            .iter()
            .filter(|batch| !batch.reports.is_empty())
    }

    /// Returns the spans that are rejected so far.
    pub(super) fn rejected_spans(&self) -> impl Iterator<Item = RowRef> {
        self.rejected.keys().copied().filter(|row| !row.is_event)
    }

    /// Fails the batches that carry process reports.
    pub(super) fn fail_reporting(&mut self, error: &WriteError) {
        for (batch, outcome) in self.batches.iter().zip(&mut self.outcomes) {
            if !batch.reports.is_empty() {
                *outcome = Err(error.clone());
            }
        }
    }

    /// Returns the batch of a row.
    pub(super) fn batch(&self, row: RowRef) -> &Encoded {
        &self.batches[row.batch as usize]
    }

    /// Returns the row of a span.
    pub(super) fn row(&self, row: RowRef) -> &BatchSpan {
        &self.batch(row).rows[row.row as usize]
    }

    /// Returns the bytes of `rows`, all events, for COPY: adjacent rows come in one piece.
    pub(super) fn runs(&self, rows: &[RowRef]) -> impl Iterator<Item = &[u8]> {
        rows.chunk_by(|a, b| a.batch == b.batch && a.row + 1 == b.row)
            .map(|run| {
                let (first, last) = (self.event(run[0]), self.event(run[run.len() - 1]));
                &self.batch(run[0]).events.bytes[first.offset..last.offset + last.len]
            })
    }

    /// Returns the row of an event.
    pub(super) fn event(&self, row: RowRef) -> &EventRow {
        &self.batch(row).events.rows[row.row as usize]
    }

    /// Returns the days of the rows in tables that are partitioned by day: events and large values.
    pub(super) fn days(&self, rows: &[RowRef]) -> BTreeSet<i64> {
        let events = rows.iter().filter(|row| row.is_event);
        let mut days: BTreeSet<i64> = events.map(|row| self.event(*row).day_ns()).collect();
        for batch in self.batches_of(rows) {
            days.extend(batch.payloads.iter().map(Payload::day_ns));
        }
        days
    }

    /// Returns the batches of `rows`. Rows of one batch are adjacent, but spans and events are
    /// separate, so a batch of both may come twice.
    pub(super) fn batches_of<'a>(
        &'a self,
        rows: &'a [RowRef],
    ) -> impl Iterator<Item = &'a Encoded> {
        rows.chunk_by(|a, b| a.batch == b.batch)
            .map(|chunk| self.batch(chunk[0]))
    }

    /// Returns the receive time of its last batch.
    pub(super) fn received_ns(&self) -> i64 {
        let received = self.batches.iter().map(|batch| batch.received_ns);
        received.max().unwrap_or_default()
    }

    /// Returns the size of all its rows in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.batches.iter().map(Encoded::byte_count).sum()
    }

    /// Counts the new spans, the duplicate spans, and the events of `rows`.
    pub(super) fn settle(&mut self, rows: &[RowRef], committed: &Committed) {
        let Claimed { new, duplicate, .. } = &committed.spans;
        for (rows, is_new) in [(new, true), (duplicate, false)] {
            for row in rows {
                if let Ok(outcome) = &mut self.outcomes[row.batch as usize] {
                    *if is_new {
                        &mut outcome.received
                    } else {
                        &mut outcome.duplicate
                    } += 1;
                }
            }
        }
        for &row in rows.iter().filter(|row| row.is_event) {
            let is_new = committed.events.contains(&self.event_key(row));
            if let Ok(outcome) = &mut self.outcomes[row.batch as usize] {
                *if is_new {
                    &mut outcome.events.received
                } else {
                    &mut outcome.events.duplicate
                } += 1;
            }
        }
    }

    /// Counts `row` as rejected.
    pub(super) fn reject(&mut self, row: RowRef, reason: String) {
        let index = if row.is_event {
            self.event(row).index
        } else {
            self.row(row).index
        };
        if let Ok(outcome) = &mut self.outcomes[row.batch as usize] {
            let rejected = if row.is_event {
                &mut outcome.events.rejected
            } else {
                &mut outcome.rejected
            };
            rejected.push(Rejection {
                index: index as usize,
                reason: reason.clone(),
            });
        }
        self.rejected.insert(row, reason);
    }

    /// Fails the batches of `rows`.
    pub(super) fn fail(&mut self, rows: &[RowRef], error: &WriteError) {
        for chunk in rows.chunk_by(|a, b| a.batch == b.batch) {
            self.outcomes[chunk[0].batch as usize] = Err(error.clone());
        }
    }

    /// Sends every batch its result, and releases its reserved bytes.
    pub(super) fn answer(mut self) {
        for (duplicate, first) in std::mem::take(&mut self.duplicates) {
            if let Err(error) = &self.outcomes[first.batch as usize] {
                let error = error.clone();
                self.outcomes[duplicate.batch as usize] = Err(error);
            } else if let Some(reason) = self.rejected.get(&first) {
                let reason = reason.clone();
                self.reject(duplicate, reason);
            } else if let Ok(outcome) = &mut self.outcomes[duplicate.batch as usize] {
                if duplicate.is_event {
                    outcome.events.duplicate += 1;
                } else {
                    outcome.duplicate += 1;
                }
            }
        }
        for ((answer, reserved), mut outcome) in self.waiting.into_iter().zip(self.outcomes) {
            // The bytes are released first: the submitter may send the next batch at once.
            drop(reserved);
            if let Ok(outcome) = &mut outcome {
                outcome.rejected.sort_by_key(|rejection| rejection.index);
                let events = &mut outcome.events.rejected;
                events.sort_by_key(|rejection| rejection.index);
                count(outcome);
            }
            // Sending fails when the client has gone away; the stored rows stay.
            let _ = answer.send(outcome);
        }
    }
}

fn count(outcome: &WriteOutcome) {
    let counts = [
        ("received", outcome.received),
        ("duplicate", outcome.duplicate),
        ("rejected", outcome.rejected.len() as u64),
    ];
    for (word, count) in counts {
        if count > 0 {
            metrics::counter!("throughline_writer_spans_total", "outcome" => word).increment(count);
        }
    }
    let events = [
        ("received", outcome.events.received),
        ("duplicate", outcome.events.duplicate),
        ("rejected", outcome.events.rejected.len() as u64),
    ];
    for (word, count) in events {
        if count > 0 {
            metrics::counter!("throughline_writer_events_total", "outcome" => word)
                .increment(count);
        }
    }
}
