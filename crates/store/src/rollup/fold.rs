//! Folds deltas into the three windows, all or nothing.

use std::collections::BTreeMap;

use sqlx::{Connection as _, FromRow, PgConnection};
use throughline_model::RollupWindow;
use uuid::Uuid;

use super::{Figures, decode_sketch, window_start};

/// So many deltas are folded in one transaction, and those of one commit more at most.
const BATCH: i64 = 20_000;

#[derive(FromRow)]
struct DeltaRow {
    tenant_id: Uuid,
    operation_id: i64,
    start_ns: i64,
    span_count: i64,
    error_count: i64,
    max_ns: i64,
    sketch: Vec<u8>,
}

#[derive(FromRow)]
struct RollupRow {
    window_seconds: i32,
    #[sqlx(flatten)]
    delta: DeltaRow,
}

impl DeltaRow {
    fn figures(&self) -> Figures {
        Figures {
            span_count: self.span_count,
            error_count: self.error_count,
            max_ns: self.max_ns,
            sketch: decode_sketch(&self.sketch),
        }
    }
}

/// Tenant, seconds of the window, its start, operation: the order rows are locked in.
type Key = (Uuid, i32, i64, i64);

/// Folds what waits; returns how many deltas that were.
pub(crate) async fn fold(connection: &mut PgConnection) -> Result<u64, sqlx::Error> {
    let mut folded = 0;
    loop {
        let batch = fold_batch(connection).await?;
        if batch == 0 {
            return Ok(folded);
        }
        folded += batch;
    }
}

async fn fold_batch(connection: &mut PgConnection) -> Result<u64, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    // Merging reads before it writes: whoever folds at the same time waits here.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('throughline.fold', 0))")
        .execute(&mut *transaction)
        .await?;
    let deltas: Vec<DeltaRow> = sqlx::query_as(include_str!("take_deltas.sql"))
        .bind(BATCH)
        .fetch_all(&mut *transaction)
        .await?;
    if deltas.is_empty() {
        return Ok(0);
    }
    let mut merged: BTreeMap<Key, Figures> = BTreeMap::new();
    for delta in &deltas {
        let figures = delta.figures();
        for window in RollupWindow::ALL {
            let start_ns = window_start(delta.start_ns, window.length_ns());
            let key = (
                delta.tenant_id,
                window.seconds(),
                start_ns,
                delta.operation_id,
            );
            merged.entry(key).or_default().merge(&figures);
        }
    }
    merge_stored(&mut transaction, &mut merged).await?;
    store(&mut transaction, merged).await?;
    transaction.commit().await?;
    Ok(deltas.len() as u64)
}

/// Adds what the rows of these keys hold already.
async fn merge_stored(
    connection: &mut PgConnection,
    merged: &mut BTreeMap<Key, Figures>,
) -> Result<(), sqlx::Error> {
    let (mut tenants, mut windows, mut starts, mut operations) = (vec![], vec![], vec![], vec![]);
    for &(tenant, seconds, start_ns, operation_id) in merged.keys() {
        tenants.push(tenant);
        windows.push(seconds);
        starts.push(start_ns);
        operations.push(operation_id);
    }
    let stored: Vec<RollupRow> = sqlx::query_as(include_str!("stored_rollups.sql"))
        .bind(tenants)
        .bind(windows)
        .bind(starts)
        .bind(operations)
        .fetch_all(connection)
        .await?;
    for RollupRow {
        window_seconds,
        delta,
    } in stored
    {
        let key = (
            delta.tenant_id,
            window_seconds,
            delta.start_ns,
            delta.operation_id,
        );
        merged.entry(key).or_default().merge(&delta.figures());
    }
    Ok(())
}

async fn store(
    connection: &mut PgConnection,
    merged: BTreeMap<Key, Figures>,
) -> Result<(), sqlx::Error> {
    let (mut tenants, mut windows, mut starts, mut operations) = (vec![], vec![], vec![], vec![]);
    let (mut spans, mut errors, mut greatest, mut sketches) = (vec![], vec![], vec![], vec![]);
    for ((tenant, seconds, start_ns, operation_id), figures) in merged {
        tenants.push(tenant);
        windows.push(seconds);
        starts.push(start_ns);
        operations.push(operation_id);
        spans.push(figures.span_count);
        errors.push(figures.error_count);
        greatest.push(figures.max_ns);
        sketches.push(figures.sketch.encode());
    }
    sqlx::query(include_str!("store_rollups.sql"))
        .bind(tenants)
        .bind(windows)
        .bind(starts)
        .bind(operations)
        .bind(spans)
        .bind(errors)
        .bind(greatest)
        .bind(sketches)
        .execute(connection)
        .await?;
    Ok(())
}
