//! Open spans: stored at their start, removed at their end.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use throughline_codec::binary;
use throughline_wire::{Rejection, SpanStart};
use uuid::Uuid;

use super::processes::{Processes, number};
use super::row::Context;

/// A start as the store holds it.
#[derive(Debug, Clone)]
pub(super) struct OpenSpan {
    pub trace_id: [u8; 16],
    pub span_id: i64,
    pub parent_span_id: Option<i64>,
    pub operation_id: i64,
    pub service_id: i64,
    pub start_ns: i64,
    resource_id: i64,
    scope_id: i64,
    received_ns: i64,
    process_id: i64,
    sequence: Option<i64>,
    attributes: Option<Vec<u8>>,
    /// The position among the starts of its batch.
    index: u32,
}

impl OpenSpan {
    pub(super) fn new(start: &SpanStart, process_id: i64, context: Context) -> Self {
        let mut attributes = Vec::new();
        binary::encode_attributes(&start.attributes, &mut attributes);
        Self {
            trace_id: start.trace_id.to_bytes(),
            span_id: start.span_id.to_i64(),
            parent_span_id: start.parent_span_id.map(throughline_wire::SpanId::to_i64),
            operation_id: context.operation_id,
            service_id: context.service_id,
            start_ns: start.start.get(),
            resource_id: context.resource_id,
            scope_id: context.scope_id,
            received_ns: context.received_ns,
            process_id,
            sequence: start.sequence.and_then(number),
            attributes: (!attributes.is_empty()).then_some(attributes),
            index: context.index,
        }
    }
}

impl OpenSpan {
    /// Returns the key under which it is stored.
    pub(super) const fn key(&self, tenant: [u8; 16]) -> OpenSpanKey {
        (tenant, self.trace_id, self.span_id)
    }

    /// Returns the rejection of this start.
    pub(super) fn rejection(&self, reason: &str) -> Rejection {
        Rejection {
            index: self.index as usize,
            reason: reason.to_owned(),
        }
    }

    /// Reports its sequence number to `processes` as rejected: when the span ends, it counts as
    /// received.
    pub(super) fn reject(&self, tenant: [u8; 16], processes: &mut Processes) {
        if let Some(sequence) = self.sequence {
            processes.reject(tenant, self.process_id, sequence);
        }
    }

    /// Returns its approximate memory size in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.attributes.as_ref().map_or(0, Vec::capacity)
    }
}

/// Tenant, trace and span.
pub(super) type OpenSpanKey = ([u8; 16], [u8; 16], i64);

/// The starts and ends of one commit, sorted by key, so that two servers lock the same rows in the
/// same order.
#[derive(Debug, Default)]
pub(super) struct OpenSpans<'a> {
    begun: BTreeMap<OpenSpanKey, &'a OpenSpan>,
    ended: Vec<OpenSpanKey>,
}

impl<'a> OpenSpans<'a> {
    /// Adds a span that has begun.
    pub(super) fn begin(&mut self, tenant: [u8; 16], open: &'a OpenSpan) {
        let key = open.key(tenant);
        self.begun
            .entry(key)
            .and_modify(|known| {
                if known.received_ns < open.received_ns {
                    *known = open;
                }
            })
            .or_insert(open);
    }

    /// Adds a span that has ended and is stored in this transaction.
    pub(super) fn end(&mut self, tenant: [u8; 16], trace_id: [u8; 16], span_id: i64) {
        self.ended.push((tenant, trace_id, span_id));
    }

    /// Stores the begun spans and removes the ended ones, in the transaction of `connection`, which
    /// has already stored the ended spans and updated the rows of their traces.
    pub(super) async fn store(self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        if !self.begun.is_empty() {
            insert(self.begun, connection).await?;
        }
        if !self.ended.is_empty() {
            let mut ended = self.ended;
            ended.sort_unstable();
            let uuids = |at: fn(&OpenSpanKey) -> [u8; 16]| -> Vec<Uuid> {
                ended.iter().map(|key| Uuid::from_bytes(at(key))).collect()
            };
            sqlx::query(include_str!("close_spans.sql"))
                .bind(uuids(|key| key.0))
                .bind(uuids(|key| key.1))
                .bind(ended.iter().map(|key| key.2).collect::<Vec<i64>>())
                .execute(connection)
                .await?;
        }
        Ok(())
    }
}

async fn insert(
    begun: BTreeMap<OpenSpanKey, &OpenSpan>,
    connection: &mut PgConnection,
) -> Result<(), sqlx::Error> {
    let tenants: Vec<Uuid> = begun.keys().map(|key| Uuid::from_bytes(key.0)).collect();
    let traces: Vec<Uuid> = begun.keys().map(|key| Uuid::from_bytes(key.1)).collect();
    let column = |of: fn(&OpenSpan) -> i64| -> Vec<i64> { begun.values().map(|o| of(o)).collect() };
    let optional = |of: fn(&OpenSpan) -> Option<i64>| -> Vec<Option<i64>> {
        begun.values().map(|open| of(open)).collect()
    };
    let attributes: Vec<Option<&[u8]>> = begun
        .values()
        .map(|open| open.attributes.as_deref())
        .collect();
    sqlx::query(include_str!("open_spans.sql"))
        .bind(tenants)
        .bind(traces)
        .bind(column(|open| open.span_id))
        .bind(optional(|open| open.parent_span_id))
        .bind(column(|open| open.operation_id))
        .bind(column(|open| open.resource_id))
        .bind(column(|open| open.scope_id))
        .bind(column(|open| open.start_ns))
        .bind(column(|open| open.received_ns))
        .bind(column(|open| open.process_id))
        .bind(optional(|open| open.sequence))
        .bind(attributes)
        .execute(connection)
        .await?;
    Ok(())
}
