//! Inserts, locks and updates rows of traces, column by column.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write as _;

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::digests::LockedTrace;
use super::fingerprint::{FingerprintMask, Fingerprints};
use super::summary::{RankedText, Root, Summary};
use crate::ids::{TraceKey, uuids};

/// A locked row of a trace.
#[derive(Debug, FromRow)]
pub(super) struct LockedRow {
    tenant_id: Uuid,
    trace_id: Uuid,
    start_ns: i64,
    end_ns: i64,
    first_block_id: i64,
    root_rank: i64,
    root_span_id: i64,
    root_digest: i64,
    root_operation_id: i64,
    root_duration_ns: i64,
    user_rank: Option<i64>,
    session_rank: Option<i64>,
    error_rank: Option<i64>,
    span_count: i32,
    error_count: i32,
    has_root: bool,
    services: Vec<i64>,
    user_id: Option<String>,
    session_id: Option<String>,
    error_message: Option<String>,
    #[sqlx(try_from = "Option<Vec<u8>>")]
    fingerprints: Fingerprints,
    prune_count: i64,
}

fn ranked(rank: Option<i64>, text: Option<String>) -> Option<RankedText> {
    rank.zip(text).map(|(rank, text)| RankedText { rank, text })
}

impl LockedRow {
    /// Locks the rows of the traces that have one, in the order of their keys.
    pub(super) async fn lock(
        connection: &mut PgConnection,
        keys: impl Iterator<Item = &TraceKey> + Clone,
    ) -> Result<Vec<Self>, sqlx::Error> {
        sqlx::query_as(include_str!("lock_traces.sql"))
            .bind(uuids(keys.clone().map(|key| key.0)))
            .bind(uuids(keys.map(|key| key.1)))
            .fetch_all(connection)
            .await
    }

    pub(super) fn key(&self) -> TraceKey {
        (self.tenant_id.into_bytes(), self.trace_id.into_bytes())
    }

    pub(super) fn span_count(&self) -> usize {
        usize::try_from(self.span_count).unwrap_or_default()
    }

    /// Returns whether a span with this digest may be stored already.
    pub(super) fn may_have(&self, digest: i64, mask: FingerprintMask) -> bool {
        self.fingerprints.may_have(digest, mask)
    }

    /// Returns the state of the trace.
    pub(super) fn stored_trace(&self) -> LockedTrace {
        LockedTrace {
            key: self.key(),
            first_block_id: self.first_block_id,
            prune_count: self.prune_count,
            span_count: self.span_count,
            start_ns: self.start_ns,
            end_ns: self.end_ns,
        }
    }

    fn summary(&self) -> Summary {
        Summary {
            start_ns: self.start_ns,
            end_ns: self.end_ns,
            span_count: self.span_count,
            error_count: self.error_count,
            root: Root {
                rank: self.root_rank,
                span_id: self.root_span_id,
                digest: self.root_digest,
                operation_id: self.root_operation_id,
                duration_ns: self.root_duration_ns,
            },
            has_root: self.has_root,
            services: self.services.iter().copied().collect(),
            user: ranked(self.user_rank, self.user_id.clone()),
            session: ranked(self.session_rank, self.session_id.clone()),
            error: ranked(self.error_rank, self.error_message.clone()),
        }
    }
}

/// Rows to write, column by column, as `unnest` takes them.
#[derive(Debug, Default)]
struct TraceColumns {
    tenant_id: Vec<Uuid>,
    trace_id: Vec<Uuid>,
    start_ns: Vec<i64>,
    end_ns: Vec<i64>,
    span_count: Vec<i32>,
    error_count: Vec<i32>,
    root_rank: Vec<i64>,
    root_span_id: Vec<i64>,
    root_digest: Vec<i64>,
    root_operation_id: Vec<i64>,
    root_duration_ns: Vec<i64>,
    has_root: Vec<bool>,
    /// Array literals: `unnest` cannot take arrays of different lengths.
    services: Vec<String>,
    user_rank: Vec<Option<i64>>,
    user_id: Vec<Option<String>>,
    session_rank: Vec<Option<i64>>,
    session_id: Vec<Option<String>>,
    error_rank: Vec<Option<i64>>,
    error_message: Vec<Option<String>>,
    fingerprints: Vec<Option<Vec<u8>>>,
}

impl TraceColumns {
    fn push(&mut self, (tenant, trace_id): TraceKey, summary: Summary, fingerprints: Fingerprints) {
        self.tenant_id.push(Uuid::from_bytes(tenant));
        self.trace_id.push(Uuid::from_bytes(trace_id));
        self.start_ns.push(summary.start_ns);
        self.end_ns.push(summary.end_ns);
        self.span_count.push(summary.span_count);
        self.error_count.push(summary.error_count);
        self.root_rank.push(summary.root.rank);
        self.root_span_id.push(summary.root.span_id);
        self.root_digest.push(summary.root.digest);
        self.root_operation_id.push(summary.root.operation_id);
        self.root_duration_ns.push(summary.root.duration_ns);
        self.has_root.push(summary.has_root);
        self.services.push(array_literal(&summary.services));
        for (text, ranks, texts) in [
            (summary.user, &mut self.user_rank, &mut self.user_id),
            (
                summary.session,
                &mut self.session_rank,
                &mut self.session_id,
            ),
            (summary.error, &mut self.error_rank, &mut self.error_message),
        ] {
            let (rank, text) = text.map(|text| (text.rank, text.text)).unzip();
            ranks.push(rank);
            texts.push(text);
        }
        self.fingerprints.push(fingerprints.0);
    }

    fn bind(
        self,
        statement: &'static str,
    ) -> sqlx::query::Query<'static, sqlx::Postgres, sqlx::postgres::PgArguments> {
        sqlx::query(statement)
            .bind(self.tenant_id)
            .bind(self.trace_id)
            .bind(self.start_ns)
            .bind(self.end_ns)
            .bind(self.span_count)
            .bind(self.error_count)
            .bind(self.root_rank)
            .bind(self.root_span_id)
            .bind(self.root_digest)
            .bind(self.root_operation_id)
            .bind(self.root_duration_ns)
            .bind(self.has_root)
            .bind(self.services)
            .bind(self.user_rank)
            .bind(self.user_id)
            .bind(self.session_rank)
            .bind(self.session_id)
            .bind(self.error_rank)
            .bind(self.error_message)
            .bind(self.fingerprints)
    }
}

fn array_literal(numbers: &BTreeSet<i64>) -> String {
    let mut literal = String::with_capacity(2 + numbers.len() * 21);
    literal.push('{');
    for (at, number) in numbers.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(literal, "{comma}{number}");
    }
    literal.push('}');
    literal
}

/// Rows of traces that may have none yet, in the order of their keys.
#[derive(Debug, Default)]
pub(super) struct NewRows(TraceColumns);

impl NewRows {
    pub(super) fn push(&mut self, key: TraceKey, summary: Summary, fingerprints: Fingerprints) {
        self.0.push(key, summary, fingerprints);
    }

    /// Inserts the rows that do not exist yet, as received at `received_ns`; returns their keys.
    pub(super) async fn insert(
        self,
        connection: &mut PgConnection,
        received_ns: i64,
    ) -> Result<HashSet<TraceKey>, sqlx::Error> {
        if self.0.trace_id.is_empty() {
            return Ok(HashSet::new());
        }
        let inserted = self
            .0
            .bind(include_str!("insert_traces.sql"))
            .bind(received_ns)
            .try_map(|row| <(Uuid, Uuid)>::from_row(&row))
            .fetch_all(connection)
            .await?;
        let keys = inserted
            .into_iter()
            .map(|(tenant, trace)| (tenant.into_bytes(), trace.into_bytes()));
        Ok(keys.collect())
    }
}

/// Locked rows, updated with their new spans.
#[derive(Debug, Default)]
pub(super) struct UpdatedRows(TraceColumns);

impl UpdatedRows {
    /// Adds new spans with these digests to the row. Returns the state of the trace after the
    /// update.
    pub(super) fn push(
        &mut self,
        row: &LockedRow,
        more: Summary,
        digests: &[i64],
        mask: FingerprintMask,
    ) -> LockedTrace {
        let mut summary = row.summary();
        summary.merge(more);
        let stored = LockedTrace {
            span_count: summary.span_count,
            start_ns: summary.start_ns,
            end_ns: summary.end_ns,
            ..row.stored_trace()
        };
        let fingerprints = row.fingerprints.with(digests, mask);
        self.0.push(row.key(), summary, fingerprints);
        stored
    }

    pub(super) async fn store(self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        if self.0.trace_id.is_empty() {
            return Ok(());
        }
        self.0
            .bind(include_str!("update_traces.sql"))
            .execute(connection)
            .await?;
        Ok(())
    }
}
