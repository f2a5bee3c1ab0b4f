//! Traces leave the directory, in batches that hold no lock for long.

use sqlx::{Connection as _, FromRow, PgConnection};
use throughline_model::RetentionReport;
use uuid::Uuid;

use super::{Cutoffs, payload_days, pins};
use crate::compaction::exclusive;
use crate::day::day_ns;
use crate::sqlstate::{Fault, fault};

/// Rows of the directory looked at, and removed in one transaction at most.
pub(super) const BATCH: i64 = 2_000;
/// Batches between which the lock against compaction is held.
const BATCHES_AT_ONCE: usize = 10;

/// A batch of one transaction is done again so often when others are in its way.
pub(super) const ATTEMPTS: usize = 5;

/// One page of the directory: where it ends, and the traces in it that are past their time.
#[derive(FromRow)]
struct Page {
    last_start_ns: Option<i64>,
    last_trace_id: Option<Uuid>,
    expired: Vec<Uuid>,
}

/// The traces that a batch removed.
#[derive(FromRow)]
struct Batch {
    trace_ids: Vec<Uuid>,
    ok_traces: i64,
    ok_spans: i64,
    error_traces: i64,
    error_spans: i64,
}

/// Returns the tenants that have data.
pub(super) async fn tenants(connection: &mut PgConnection) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar("SELECT DISTINCT tenant_id FROM services ORDER BY tenant_id")
        .fetch_all(connection)
        .await
}

/// Removes what is past its time, oldest first. Compaction waits meanwhile, a few batches long at
/// a time.
pub(super) async fn remove(
    connection: &mut PgConnection,
    tenant: Uuid,
    cutoffs: Cutoffs,
    report: &mut RetentionReport,
) -> Result<(), sqlx::Error> {
    let mut after = Some((i64::MIN, Uuid::nil()));
    while let Some(from) = after {
        exclusive::acquire(connection).await?;
        let batches = remove_batches(connection, tenant, cutoffs, from, report).await;
        let released = exclusive::release(connection).await;
        after = batches?;
        released?;
    }
    Ok(())
}

/// Removes what is past its time among the rows after `after`; returns where it stopped, none when
/// there are no more.
async fn remove_batches(
    connection: &mut PgConnection,
    tenant: Uuid,
    cutoffs: Cutoffs,
    mut after: (i64, Uuid),
    report: &mut RetentionReport,
) -> Result<Option<(i64, Uuid)>, sqlx::Error> {
    for _ in 0..BATCHES_AT_ONCE {
        let page: Page = sqlx::query_as(include_str!("expired_traces.sql"))
            .bind(tenant)
            .bind(cutoffs.ok_ns)
            .bind(cutoffs.error_ns)
            .bind(after.0)
            .bind(after.1)
            .bind(BATCH)
            .fetch_one(&mut *connection)
            .await?;
        if !page.expired.is_empty() {
            let batch = remove_expired(connection, tenant, cutoffs, &page.expired).await?;
            report.ok.trace_count += batch.ok_traces.unsigned_abs();
            report.ok.span_count += batch.ok_spans.unsigned_abs();
            report.error.trace_count += batch.error_traces.unsigned_abs();
            report.error.span_count += batch.error_spans.unsigned_abs();
        }
        let (Some(last_ns), Some(last_id)) = (page.last_start_ns, page.last_trace_id) else {
            return Ok(None);
        };
        after = (last_ns, last_id);
    }
    Ok(Some(after))
}

/// Removes those of the traces that are still expired, and the rows that refer to them.
async fn remove_expired(
    connection: &mut PgConnection,
    tenant: Uuid,
    cutoffs: Cutoffs,
    trace_ids: &[Uuid],
) -> Result<Batch, sqlx::Error> {
    let mut attempt = 1;
    loop {
        match try_to_remove(connection, tenant, cutoffs, trace_ids).await {
            Err(error) if attempt < ATTEMPTS && fault(&error) == Fault::Conflict => attempt += 1,
            result => return result,
        }
    }
}

async fn try_to_remove(
    connection: &mut PgConnection,
    tenant: Uuid,
    cutoffs: Cutoffs,
    trace_ids: &[Uuid],
) -> Result<Batch, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    lock(&mut transaction, tenant, trace_ids).await?;
    // Last: who pins a trace does not wait for the writers that the statement above waits for.
    pins::hold(&mut transaction).await?;
    let batch = remove_locked(&mut transaction, tenant, cutoffs, trace_ids).await?;
    transaction.commit().await?;
    Ok(batch)
}

/// Locks the rows of the traces, in the order of their keys as writers do.
async fn lock(
    transaction: &mut PgConnection,
    tenant: Uuid,
    trace_ids: &[Uuid],
) -> Result<(), sqlx::Error> {
    sqlx::query(include_str!("lock_expired.sql"))
        .bind(tenant)
        .bind(trace_ids)
        .execute(transaction)
        .await?;
    Ok(())
}

/// Removes those of the locked traces that are past their time. Takes more locks in the order of the
/// writers: what was refused of the traces, then their open spans.
async fn remove_locked(
    transaction: &mut PgConnection,
    tenant: Uuid,
    cutoffs: Cutoffs,
    trace_ids: &[Uuid],
) -> Result<Batch, sqlx::Error> {
    let batch: Batch = sqlx::query_as(include_str!("remove_traces.sql"))
        .bind(tenant)
        .bind(cutoffs.ok_ns)
        .bind(cutoffs.error_ns)
        .bind(trace_ids)
        .fetch_one(&mut *transaction)
        .await?;
    for statement in [
        include_str!("remove_refused_of_traces.sql"),
        include_str!("remove_open_of_traces.sql"),
    ] {
        sqlx::query(statement)
            .bind(tenant)
            .bind(&batch.trace_ids)
            .execute(&mut *transaction)
            .await?;
    }
    Ok(batch)
}

/// Traces that were removed whatever their age.
#[derive(Debug)]
pub(crate) struct RemovedTraces {
    pub trace_count: u64,
    /// Blocks with a smaller id hold their spans; what is sent of the traces again gets a greater one.
    pub before_id: i64,
}

/// Removes the events of traces in batches, and marks the days whose large values may be referred to no
/// more.
pub(crate) async fn remove_events_of(
    connection: &mut PgConnection,
    tenant: Uuid,
    trace_ids: &[Uuid],
) -> Result<(), sqlx::Error> {
    let mut attempt = 1;
    loop {
        let mut transaction = connection.begin().await?;
        match remove_events(&mut transaction, tenant, trace_ids, BATCH).await {
            Ok(removed) => {
                transaction.commit().await?;
                if removed < BATCH {
                    return Ok(());
                }
                attempt = 1;
            }
            Err(error) if attempt < ATTEMPTS && fault(&error) == Fault::Conflict => {
                transaction.rollback().await?;
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Removes events of traces, at most `limit`, and marks the days of their large values; returns their
/// number.
async fn remove_events(
    transaction: &mut PgConnection,
    tenant: Uuid,
    trace_ids: &[Uuid],
    limit: i64,
) -> Result<i64, sqlx::Error> {
    let removed: Vec<Option<i64>> = sqlx::query_scalar(include_str!("remove_events_of_traces.sql"))
        .bind(tenant)
        .bind(trace_ids)
        .bind(limit)
        .fetch_all(&mut *transaction)
        .await?;
    let count = removed.len() as i64;
    let days = removed.into_iter().flatten().map(day_ns).collect();
    payload_days::mark(transaction, &days).await?;
    Ok(count)
}

/// Removes traces from the directory whatever their age, with their pins and the events that are left of
/// them, and marks the days whose large values may be referred to no more. The caller holds the lock
/// against compaction.
pub(crate) async fn remove_named(
    connection: &mut PgConnection,
    tenant: Uuid,
    trace_ids: &[Uuid],
) -> Result<RemovedTraces, sqlx::Error> {
    let mut attempt = 1;
    loop {
        match try_to_remove_named(connection, tenant, trace_ids).await {
            Err(error) if attempt < ATTEMPTS && fault(&error) == Fault::Conflict => attempt += 1,
            result => return result,
        }
    }
}

async fn try_to_remove_named(
    connection: &mut PgConnection,
    tenant: Uuid,
    trace_ids: &[Uuid],
) -> Result<RemovedTraces, sqlx::Error> {
    let whatever_age = Cutoffs {
        ok_ns: i64::MAX,
        error_ns: i64::MAX,
        rollup_ns: i64::MIN,
    };
    let mut transaction = connection.begin().await?;
    lock(&mut transaction, tenant, trace_ids).await?;
    pins::hold(&mut transaction).await?;
    sqlx::query("DELETE FROM pins WHERE tenant_id = $1 AND trace_id = ANY ($2)")
        .bind(tenant)
        .bind(trace_ids)
        .execute(&mut *transaction)
        .await?;
    payload_days::mark_days_of_traces(&mut transaction, tenant, trace_ids).await?;
    let batch = remove_locked(&mut transaction, tenant, whatever_age, trace_ids).await?;
    // Those that were stored meanwhile.
    remove_events(&mut transaction, tenant, trace_ids, i64::MAX).await?;
    // After the rows were locked: a commit that waits for them stores its spans in a later block.
    let before_id: i64 = sqlx::query_scalar("SELECT nextval('block_ids')")
        .fetch_one(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(RemovedTraces {
        trace_count: batch.trace_ids.len() as u64,
        before_id,
    })
}
