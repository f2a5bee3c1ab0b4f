//! Takes a partition of events or payloads out of its table, and moves back what is kept by then.
//!
//! A writer that finds an event or a value stored acknowledges it without a change to any row of
//! the partition. So nothing in the partition tells whether the copy of the kept rows is still
//! complete. Taking the partition out waits for every transaction that has looked at it; from then
//! on a writer no longer finds its rows. Rows that are kept by then and not in the copy are moved
//! back, without a lock that anybody waits for.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::damaged::Damaged;
use super::kept::Keep;
use super::partition::{Parent, Partition, TAKEN_OUT};
use super::removal::{LOCK_TIMEOUT, RemovalOutcome, is_in_the_way};
use super::{catalogue, payloads, pins};
use crate::sqlstate::is_damage;

/// The number of attempts to move rows back when others are in the way.
const ATTEMPTS: usize = 5;

fn taken_out(partition: &Partition) -> String {
    format!("{}{TAKEN_OUT}", partition.table)
}

/// Takes the partition out of its table and puts `copy`, if any, in its place. Readers and writers
/// wait for an instant. `seen_pins` is the state of the pins when the kept rows were determined.
pub(super) async fn take_out(
    connection: &mut PgConnection,
    partition: &Partition,
    copy: Option<&str>,
    seen_pins: i64,
    keep: Keep,
) -> Result<RemovalOutcome, sqlx::Error> {
    let gone = taken_out(partition);
    if catalogue::exists(connection, &gone).await? {
        // An earlier run took it out and could not move its rows back.
        return Ok(RemovalOutcome::Changed);
    }
    let Partition { parent, table, .. } = partition;
    let parent = parent.table();
    let mut transaction = connection.begin().await?;
    sqlx::query(LOCK_TIMEOUT).execute(&mut *transaction).await?;
    if keep == Keep::Pinned {
        pins::hold(&mut transaction).await?;
        if pins::state(&mut transaction).await? != seen_pins {
            transaction.rollback().await?;
            return Ok(RemovalOutcome::Changed);
        }
    }
    let note = keep.note();
    let mut statements = vec![
        format!("ALTER TABLE {parent} DETACH PARTITION {table}"),
        format!("ALTER TABLE {table} RENAME TO {gone}"),
        format!("COMMENT ON TABLE {gone} IS '{note}'"),
    ];
    if let Some(copy) = copy {
        let bounds = partition.bounds();
        statements.extend([
            format!("ALTER TABLE {copy} RENAME TO {table}"),
            format!("ALTER TABLE {parent} ATTACH PARTITION {table} FOR VALUES {bounds}"),
            format!("ALTER TABLE {table} DROP CONSTRAINT range"),
        ]);
    }
    for statement in statements {
        execute(&mut transaction, statement).await?;
    }
    transaction.commit().await?;
    Ok(RemovalOutcome::Done)
}

/// Moves back the rows of a partition that was taken out and are kept by now, and drops the rest.
/// Does nothing when no partition of this name was taken out.
pub(super) async fn move_back(
    connection: &mut PgConnection,
    partition: &Partition,
    keep: Keep,
    damaged: &mut Damaged,
) -> Result<(), sqlx::Error> {
    let gone = taken_out(partition);
    if partition.parent == Parent::LevelOne || !catalogue::exists(connection, &gone).await? {
        return Ok(());
    }
    let mut attempt = 1;
    loop {
        match try_to_move_back(connection, partition, &gone, keep, damaged).await {
            Err(error) if attempt < ATTEMPTS && is_in_the_way(&error) => attempt += 1,
            result => return result,
        }
    }
}

async fn try_to_move_back(
    connection: &mut PgConnection,
    partition: &Partition,
    gone: &str,
    keep: Keep,
    damaged: &mut Damaged,
) -> Result<(), sqlx::Error> {
    match partition.parent {
        Parent::Events => move_events_back(connection, partition, gone, keep).await?,
        Parent::Payloads => {
            payloads::move_back(connection, partition, gone, keep, damaged).await?;
        }
        Parent::LevelOne => {}
    }
    execute(connection, format!("DROP TABLE {gone}")).await
}

/// Inserts the kept events that are not stored, or were received later than the stored ones. The
/// rows are sorted before the first one is inserted, so that writers of the same events wait only
/// for the insertion.
async fn move_events_back(
    connection: &mut PgConnection,
    partition: &Partition,
    gone: &str,
    keep: Keep,
) -> Result<(), sqlx::Error> {
    let (kept, kept_traces) = (partition.parent.kept(), keep.table());
    let stored = partition.condition();
    let missing = format!(
        "FROM {gone} AS s
         LEFT JOIN {kept_traces} AS t ON t.tenant_id = s.tenant_id AND t.trace_id = s.trace_id
         WHERE {kept} AND NOT EXISTS (
             SELECT FROM (SELECT * FROM events WHERE {stored}) AS e
             WHERE e.tenant_id = s.tenant_id AND e.at_ns = s.at_ns AND e.digest = s.digest
                 AND e.received_ns >= s.received_ns
         )"
    );
    let is_any_missing: bool =
        sqlx::query_scalar(AssertSqlSafe(format!("SELECT EXISTS (SELECT {missing})")))
            .bind(keep.before_ns())
            .fetch_one(&mut *connection)
            .await?;
    if !is_any_missing {
        return Ok(());
    }
    catalogue::ensure(connection, partition).await?;
    sqlx::query(AssertSqlSafe(format!(
        "INSERT INTO events SELECT s.* {missing}
         ORDER BY s.tenant_id, s.at_ns, s.digest
         ON CONFLICT (tenant_id, at_ns, digest) DO UPDATE
         SET received_ns = greatest(events.received_ns, excluded.received_ns)"
    )))
    .bind(keep.before_ns())
    .execute(connection)
    .await?;
    Ok(())
}

/// Cleans up after a run that broke off: drops its copies, and moves back the kept rows of the
/// partitions that it took out.
pub(crate) async fn finish_leftovers(
    connection: &mut PgConnection,
    damaged: &mut Damaged,
) -> Result<(), sqlx::Error> {
    catalogue::drop_copies(connection).await?;
    for (partition, keep) in catalogue::taken_out(connection).await? {
        match move_back(connection, &partition, keep, damaged).await {
            Err(error) if is_damage(&error) => {
                let table = taken_out(&partition);
                tracing::error!(table, %error, "the database cannot read a table that retention took out");
            }
            result => result?,
        }
    }
    Ok(())
}

async fn execute(connection: &mut PgConnection, statement: String) -> Result<(), sqlx::Error> {
    sqlx::query(AssertSqlSafe(statement))
        .execute(connection)
        .await?;
    Ok(())
}
