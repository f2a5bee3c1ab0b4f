//! Encodes a batch in the task of its submitter, so that the next group is encoded while the
//! database commits the current one.

use throughline_wire::{LogRecord, Rejection, Span, SpanKind, UnixNanos};

use super::batch::{SpanGroup, WriteBatch};
use super::dictionary::{CommittedEntries, DictionaryTable, EntryRow};
use super::encoded::Encoded;
use super::events::EventContext;
use super::open_spans::OpenSpan;
use super::payloads::Detached;
use super::processes::{ProcessReport, number};
use super::row::{self, Context, RowBuffers};
use super::shared::{ProcessIds, SharedParts};
use crate::block::IngestMetadata;
use crate::ids::{self, IdSet};

/// The largest distance of a span's start from now into the future. Later spans have no partition.
/// The validation before the store allows a day.
const MAX_AHEAD_NS: i64 = 2 * UnixNanos::PER_DAY;

/// The typical size of an encoded span in bytes: a first estimate, which avoids growing the buffer.
const TYPICAL_ROW_BYTES: usize = 600;
/// The bytes that a span takes besides attributes, events and links: its status message and trace
/// state.
const FIXED_ROW_BYTES: usize = 16;

/// Estimates the size of the encoded rows of a group in bytes.
fn estimated_bytes(group: &SpanGroup) -> usize {
    group.spans.len() * TYPICAL_ROW_BYTES
        + group.packed.len() * FIXED_ROW_BYTES
        + group.packed.byte_count()
}

/// Encodes `batch`, received at `now`; `detached` holds its offloaded payloads.
pub(super) fn encode(
    batch: WriteBatch,
    mut detached: Detached,
    now: UnixNanos,
    known: &CommittedEntries,
) -> Encoded {
    let span_count = batch.span_count();
    let mut encoder = Encoder {
        encoded: Encoded {
            tenant: batch.tenant.to_bytes(),
            received_ns: now.get(),
            rows: Vec::with_capacity(span_count),
            payloads: std::mem::take(&mut detached.payloads),
            ..Encoded::default()
        },
        buffers: RowBuffers::with_capacity(batch.groups.iter().map(estimated_bytes).sum()),
        detached,
        shared: SharedParts::new(batch.tenant.to_bytes(), known),
        seen: IdSet::default(),
        now,
        index: 0,
        start_index: 0,
    };
    for group in &batch.groups {
        encoder.group(group);
    }
    encoder.encoded.bytes = encoder.buffers.bytes;
    encoder.encoded.dictionary = encoder.shared.into_entries();
    encoder.encoded
}

struct Encoder<'a> {
    encoded: Encoded,
    buffers: RowBuffers,
    detached: Detached,
    shared: SharedParts<'a>,
    /// The operations that this batch has had so far.
    seen: IdSet,
    now: UnixNanos,
    index: usize,
    start_index: u32,
}

impl<'a> Encoder<'a> {
    fn group(&mut self, group: &'a SpanGroup) {
        if group.spans.is_empty()
            && group.packed.is_empty()
            && group.events.is_empty()
            && group.sequence().is_none()
        {
            return;
        }
        let ProcessIds {
            service_id,
            resource_id,
        } = self.shared.process(&group.resource);
        let scope_id = self.shared.scope(&group.scope);
        let mut context = Context {
            service_id,
            operation_id: 0,
            resource_id,
            scope_id,
            received_ns: self.now.get(),
            index: 0,
        };
        let clock = group.sender.as_ref().and_then(|sender| sender.clock);
        let process_id = group.sequence().map(|sequence| sequence.process.to_i64());
        let notes = IngestMetadata {
            received_ns: self.now.get(),
            process_id,
            clock_offset_ns: clock.and_then(|clock| clock.offset_ns),
            clock_error_ns: clock.and_then(|clock| clock.offset_error_ns),
            ..IngestMetadata::default()
        };
        let mut refused = Vec::new();
        for span in &group.spans {
            if let Some(reason) = self.unstorable(span) {
                self.encoded.rejected.push(Rejection {
                    index: self.index,
                    reason: reason.to_owned(),
                });
                refused.extend(span.sequence);
            } else {
                context.operation_id = self.operation(service_id, span.kind, &span.name);
                context.index = self.index as u32;
                let payloads = self.detached.of_span(self.index);
                let ingest = IngestMetadata {
                    sequence: process_id.and(span.sequence).and_then(number),
                    ..notes
                };
                let row = row::encode(span, context, ingest, payloads, &mut self.buffers);
                self.encoded.rows.push(row);
            }
            self.index += 1;
        }
        for span in group.packed.iter() {
            context.operation_id = self.operation(service_id, span.kind, span.name);
            context.index = self.index as u32;
            let notes = IngestMetadata::default();
            let row = row::encode_packed(&span, context, notes, &mut self.buffers);
            self.encoded.rows.push(row);
            self.index += 1;
        }
        let context = EventContext {
            tenant: self.encoded.tenant,
            resource_id,
            scope_id,
            received_ns: self.now.get(),
        };
        for event in &group.events {
            self.event(event, context);
        }
        self.numbers(group, &refused, (service_id, resource_id, scope_id));
    }

    /// Encodes the sequence numbers that the sender reports, and its spans that have begun.
    fn numbers(
        &mut self,
        group: &SpanGroup,
        refused: &[u64],
        (service_id, resource_id, scope_id): (i64, i64, i64),
    ) {
        let (Some(sender), Some(sequence)) = (&group.sender, group.sequence()) else {
            return;
        };
        let received_ns = self.now.get();
        let mut report = ProcessReport::new(sequence, &sender.rejected, resource_id, received_ns);
        for number in refused {
            report.reject(*number);
        }
        self.encoded.reports.push(report);
        for (index, start) in (self.start_index..).zip(&group.starts) {
            let span = start.clone().into_span();
            // The receiver has already rejected it. A caller that skipped the receiver's validation
            // gets no row.
            if self.unstorable(&span).is_some() {
                continue;
            }
            let context = Context {
                service_id,
                operation_id: self.operation(service_id, start.kind, &start.name),
                resource_id,
                scope_id,
                received_ns,
                index,
            };
            let open = OpenSpan::new(start, sequence.process.to_i64(), context);
            self.encoded.open.push(open);
        }
        self.start_index += group.starts.len() as u32;
    }

    /// Returns the id of an operation, and adds the operation to the dictionary entries when it is
    /// not known to be stored. The set of seen operations avoids a lock for each span.
    fn operation(&mut self, service_id: i64, kind: SpanKind, name: &str) -> i64 {
        let id = ids::operation(service_id, kind, name);
        if self.seen.insert(id) {
            self.shared
                .need(DictionaryTable::Operations, id, || EntryRow::Operation {
                    service_id,
                    kind: i16::from(kind.code()),
                    name: name.to_owned(),
                });
        }
        id
    }

    fn event(&mut self, event: &LogRecord, context: EventContext) {
        let events = &mut self.encoded.events;
        if event.time.since(self.now) > MAX_AHEAD_NS {
            return events.reject("the event is more than two days ahead of the server's clock");
        }
        let payloads = self.detached.of_event(events.next_index());
        events.push(event, context, payloads);
    }

    fn unstorable(&self, span: &Span) -> Option<&'static str> {
        if span.start.since(self.now) > MAX_AHEAD_NS {
            return Some("the start of the span is more than two days ahead of the server's clock");
        }
        row::unstorable(span)
    }
}
