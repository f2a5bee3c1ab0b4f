//! What a commit adds to the rollups: one row a tenant, computed from its newly inserted spans.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use throughline_model::RollupWindow;
use uuid::Uuid;

use super::sketch::{Buckets, Sketch};
use super::window_start;
use crate::ids::IdMap;

/// Operation, first instant of the 15 minutes.
type Key = (i64, i64);

#[derive(Debug, Default)]
struct Delta {
    span_count: i64,
    error_count: i64,
    max_ns: i64,
    buckets: Buckets,
}

/// The deltas of one commit, by tenant. Costs one bucket increment a span, and one INSERT of one row
/// a tenant.
#[derive(Debug, Default)]
pub(crate) struct RollupDeltas(BTreeMap<[u8; 16], IdMap<Delta, Key>>);

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
        let deltas = self.0.entry(tenant).or_default();
        let delta = deltas.entry((operation_id, start_ns)).or_default();
        delta.span_count += 1;
        delta.error_count += i64::from(is_error);
        delta.max_ns = delta.max_ns.max(duration_ns);
        delta.buckets.add(duration_ns);
    }

    /// Appends them, in the transaction `connection` is in.
    pub(crate) async fn append(self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        for (tenant, deltas) in self.0 {
            append(connection, tenant, deltas).await?;
        }
        Ok(())
    }
}

async fn append(
    connection: &mut PgConnection,
    tenant: [u8; 16],
    deltas: IdMap<Delta, Key>,
) -> Result<(), sqlx::Error> {
    let (mut operations, mut starts) = (vec![], vec![]);
    let (mut spans, mut errors, mut greatest, mut sketches) = (vec![], vec![], vec![], vec![]);
    for ((operation_id, start_ns), delta) in deltas {
        operations.push(operation_id);
        starts.push(start_ns);
        spans.push(delta.span_count);
        errors.push(delta.error_count);
        greatest.push(delta.max_ns);
        sketches.push(Sketch::from(delta.buckets).encode());
    }
    sqlx::query(
        "INSERT INTO rollup_deltas (
             tenant_id, delta_count,
             operation_ids, starts_ns, span_counts, error_counts, maxes_ns, sketches
         ) VALUES ($1, cardinality($2::bigint[]), $2, $3, $4, $5, $6, $7)",
    )
    .bind(Uuid::from_bytes(tenant))
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
