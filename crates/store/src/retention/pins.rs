//! Pins: traces that no rule removes.

use sqlx::{Connection as _, PgConnection};
use throughline_model::{Pin, ReadError};
use throughline_wire::{TraceId, UnixNanos};
use uuid::Uuid;

use crate::sqlstate::read_error;

/// Lets nobody pin anything until the transaction ends: what is pinned by now is kept, and what is
/// not cannot be pinned any more once it is gone.
pub(super) async fn hold(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('throughline.pins', 0))")
        .execute(connection)
        .await?;
    Ok(())
}

/// Returns a number that changes when the set of pinned traces changes.
pub(super) async fn state(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT hashtextextended(
            coalesce(string_agg(trace_id::text, ',' ORDER BY tenant_id, trace_id), ''), 0
        ) FROM pins",
    )
    .fetch_one(connection)
    .await
}

/// Pins a trace, or changes its note; false when there is no such trace, or its spans are gone
/// already because the space ran out.
pub(crate) async fn pin(
    connection: &mut PgConnection,
    tenant: Uuid,
    pin: &Pin,
) -> Result<bool, ReadError> {
    let mut transaction = connection.begin().await.map_err(read_error)?;
    // Statements begin after it was had, so they see what retention left.
    sqlx::query("SELECT pg_advisory_xact_lock_shared(hashtextextended('throughline.pins', 0))")
        .execute(&mut *transaction)
        .await
        .map_err(read_error)?;
    let pinned = sqlx::query(
        "INSERT INTO pins (tenant_id, trace_id, pinned_at_ns, note)
         SELECT tenant_id, trace_id, $3, $4 FROM traces
         WHERE tenant_id = $1 AND trace_id = $2
             AND received_ns >= (SELECT pruned_before_ns FROM retention_state)
         ON CONFLICT (tenant_id, trace_id) DO UPDATE SET note = excluded.note",
    )
    .bind(tenant)
    .bind(Uuid::from_bytes(pin.trace_id.to_bytes()))
    .bind(pin.pinned_at.get())
    .bind(&pin.note)
    .execute(&mut *transaction)
    .await
    .map_err(read_error)?;
    transaction.commit().await.map_err(read_error)?;
    Ok(pinned.rows_affected() > 0)
}

/// Takes the pin out; false when there was none.
pub(crate) async fn unpin(
    connection: &mut PgConnection,
    tenant: Uuid,
    trace_id: TraceId,
) -> Result<bool, ReadError> {
    let unpinned = sqlx::query("DELETE FROM pins WHERE tenant_id = $1 AND trace_id = $2")
        .bind(tenant)
        .bind(Uuid::from_bytes(trace_id.to_bytes()))
        .execute(connection)
        .await
        .map_err(read_error)?;
    Ok(unpinned.rows_affected() > 0)
}

/// The newest thousand pins, newest first.
pub(crate) async fn pinned(
    connection: &mut PgConnection,
    tenant: Uuid,
) -> Result<Vec<Pin>, ReadError> {
    let rows: Vec<PinRow> = sqlx::query_as(
        "SELECT trace_id, note, pinned_at_ns FROM pins WHERE tenant_id = $1
         ORDER BY pinned_at_ns DESC, trace_id LIMIT 1000",
    )
    .bind(tenant)
    .fetch_all(connection)
    .await
    .map_err(read_error)?;
    Ok(rows.into_iter().filter_map(read).collect())
}

/// The pin of a trace; none when it is not pinned.
pub(crate) async fn pin_of(
    connection: &mut PgConnection,
    tenant: Uuid,
    trace_id: TraceId,
) -> Result<Option<Pin>, ReadError> {
    let row: Option<PinRow> = sqlx::query_as(
        "SELECT trace_id, note, pinned_at_ns FROM pins WHERE tenant_id = $1 AND trace_id = $2",
    )
    .bind(tenant)
    .bind(Uuid::from_bytes(trace_id.to_bytes()))
    .fetch_optional(connection)
    .await
    .map_err(read_error)?;
    Ok(row.and_then(read))
}

/// Trace, note, since when.
type PinRow = (Uuid, String, i64);

fn read((trace_id, note, pinned_at_ns): PinRow) -> Option<Pin> {
    Some(Pin {
        trace_id: TraceId::from_bytes(trace_id.into_bytes()).ok()?,
        note,
        pinned_at: UnixNanos::new(pinned_at_ns),
    })
}
