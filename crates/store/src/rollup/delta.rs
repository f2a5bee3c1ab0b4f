//! What a commit adds to the rollups: a few rows, computed from its newly inserted spans.

use std::collections::HashMap;

use sqlx::PgConnection;
use throughline_model::RollupWindow;
use uuid::Uuid;

use super::sketch::{Buckets, Sketch};
use super::window_start;

/// Tenant, operation, first instant of the 15 minutes.
type Key = ([u8; 16], i64, i64);

#[derive(Debug, Default)]
struct Delta {
    span_count: i64,
    error_count: i64,
    max_ns: i64,
    buckets: Buckets,
}

/// The deltas of one commit. Costs one bucket increment a span, and one INSERT of as many rows as
/// the commit has operations.
#[derive(Debug, Default)]
pub(crate) struct RollupDeltas(HashMap<Key, Delta>);

impl RollupDeltas {
    /// Counts a span that is newly stored.
    pub(crate) fn add(
        &mut self,
        tenant: [u8; 16],
        operation_id: i64,
        start_ns: i64,
        duration_ns: i64,
        is_error: bool,
    ) {
        let start_ns = window_start(start_ns, RollupWindow::QuarterHour.length_ns());
        let delta = self.0.entry((tenant, operation_id, start_ns)).or_default();
        delta.span_count += 1;
        delta.error_count += i64::from(is_error);
        delta.max_ns = delta.max_ns.max(duration_ns);
        delta.buckets.add(duration_ns);
    }

    /// Appends them, in the transaction `connection` is in.
    pub(crate) async fn append(self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        let (mut tenants, mut operations, mut starts) = (vec![], vec![], vec![]);
        let (mut spans, mut errors, mut greatest, mut sketches) = (vec![], vec![], vec![], vec![]);
        for ((tenant, operation_id, start_ns), delta) in self.0 {
            tenants.push(Uuid::from_bytes(tenant));
            operations.push(operation_id);
            starts.push(start_ns);
            spans.push(delta.span_count);
            errors.push(delta.error_count);
            greatest.push(delta.max_ns);
            sketches.push(Sketch::from(delta.buckets).encode());
        }
        sqlx::query(
            "INSERT INTO rollup_deltas
                 (tenant_id, operation_id, start_ns, span_count, error_count, max_ns, sketch)
             SELECT * FROM unnest(
                 $1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
                 $7::bytea[]
             )",
        )
        .bind(tenants)
        .bind(operations)
        .bind(starts)
        .bind(spans)
        .bind(errors)
        .bind(greatest)
        .bind(sketches)
        .execute(connection)
        .await?;
        Ok(())
    }
}
