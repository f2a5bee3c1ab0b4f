//! The partitions there are, and how one of them goes.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgTransaction};
use throughline_wire::UnixNanos;

use super::{payloads, pins};

/// How long a step may wait for its lock, and with it whoever comes after it. A lock that is not
/// had by then is asked for again, or in the next run.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '1s'";

/// A table that is partitioned by day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Parent {
    Aliases,
    Events,
    Spans,
    /// Last: what of it is kept depends on the others.
    Payloads,
}

impl Parent {
    pub(super) const ALL: [Self; 4] = [Self::Aliases, Self::Events, Self::Spans, Self::Payloads];

    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Aliases => "aliases",
            Self::Events => "events",
            Self::Spans => "spans",
            Self::Payloads => "payloads",
        }
    }

    /// The column that tells a row's day.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Aliases | Self::Payloads => "day_ns",
            Self::Events => "at_ns",
            Self::Spans => "start_ns",
        }
    }

    /// Whether a kept row goes by and by without its day being marked: it has no trace, and is kept
    /// only because it came late.
    const fn waits(self) -> &'static str {
        match self {
            Self::Events => "(t.trace_id IS NULL AND s.at_ns < $1 AND s.received_ns >= $1)",
            Self::Aliases | Self::Spans | Self::Payloads => "false",
        }
    }

    /// Whether a row `s` is kept, where `t` is its trace if that is kept or NULL; `$1` is where the
    /// time of what has no trace ends.
    pub(super) const fn kept(self) -> &'static str {
        match self {
            Self::Events => "(t.trace_id IS NOT NULL OR greatest(s.at_ns, s.received_ns) >= $1)",
            // Mentions $1 so that every statement has the same parameters. Of payloads it is said by
            // the rows that refer to them.
            Self::Aliases | Self::Spans | Self::Payloads => {
                "(t.trace_id IS NOT NULL AND $1::bigint IS NOT NULL)"
            }
        }
    }
}

/// Whose rows are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Those of traces that have a row in the directory, and of no trace from this instant on.
    Directory { before_ns: i64 },
    /// Those of pinned traces.
    Pinned,
}

impl Keep {
    const fn before_ns(self) -> i64 {
        match self {
            Self::Directory { before_ns } => before_ns,
            Self::Pinned => i64::MAX,
        }
    }

    const fn table(self) -> &'static str {
        match self {
            Self::Directory { .. } => "traces",
            Self::Pinned => "pins",
        }
    }
}

/// The rows `s` of a partition and whether each is kept.
fn rows(partition: &Partition, keep: Keep, columns: &str) -> String {
    let (table, keepers) = (&partition.table, keep.table());
    format!(
        "SELECT {columns} FROM {table} AS s \
         LEFT JOIN {keepers} AS t ON t.tenant_id = s.tenant_id AND t.trace_id = s.trace_id"
    )
}

/// Inserts the kept rows of `partition` into `copy`.
pub(super) async fn copy_kept(
    connection: &mut PgConnection,
    partition: &Partition,
    copy: &str,
    keep: Keep,
) -> Result<(), sqlx::Error> {
    if partition.parent == Parent::Payloads {
        return payloads::copy_kept(connection, partition, copy, keep).await;
    }
    let (rows, kept) = (rows(partition, keep, "s.*"), partition.parent.kept());
    sqlx::query(AssertSqlSafe(format!(
        "INSERT INTO {copy} {rows} WHERE {kept}"
    )))
    .bind(keep.before_ns())
    .execute(connection)
    .await?;
    Ok(())
}

/// One table of one day, or of the archive.
#[derive(Debug, Clone)]
pub(super) struct Partition {
    pub parent: Parent,
    /// Made of letters, digits and underscores.
    pub table: String,
    /// First instant; none for the archive, which has no beginning.
    pub from_ns: Option<i64>,
    /// End, exclusive.
    pub to_ns: i64,
    pub bytes: u64,
}

impl Partition {
    /// The day it stands under in `retention_days`.
    pub(super) const fn day_ns(&self) -> i64 {
        self.to_ns.saturating_sub(UnixNanos::PER_DAY)
    }
}

/// How many rows there are, and what becomes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct Counts {
    pub total: i64,
    pub kept: i64,
    /// Those of the kept that go by and by.
    pub waiting: i64,
    /// What was pinned before they were counted.
    #[sqlx(default)]
    pub pins: i64,
}

pub(super) async fn counts(
    connection: &mut PgConnection,
    partition: &Partition,
    keep: Keep,
) -> Result<Counts, sqlx::Error> {
    let pins = pins::state(connection).await?;
    let counts = if partition.parent == Parent::Payloads {
        payloads::counts(connection, partition, keep).await?
    } else {
        row_counts(connection, partition, keep).await?
    };
    Ok(Counts { pins, ..counts })
}

async fn row_counts(
    connection: &mut PgConnection,
    partition: &Partition,
    keep: Keep,
) -> Result<Counts, sqlx::Error> {
    let (kept, waits) = (partition.parent.kept(), partition.parent.waits());
    let columns = format!(
        "count(*) AS total, count(*) FILTER (WHERE {kept}) AS kept, \
         count(*) FILTER (WHERE {waits}) AS waiting"
    );
    sqlx::query_as(AssertSqlSafe(rows(partition, keep, &columns)))
        .bind(keep.before_ns())
        .fetch_one(connection)
        .await
}

/// How many rows there are.
pub(super) async fn count(
    connection: &mut PgConnection,
    partition: &Partition,
) -> Result<i64, sqlx::Error> {
    let table = &partition.table;
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
        .fetch_one(connection)
        .await
}

/// What came of a step on a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// Rows came meanwhile: look again.
    Changed,
}

/// Begins the transaction in which a table goes: nobody writes to it from here on, and it is as it
/// was when it was looked at, or there is none. A payload that a row refers to anew need not be a
/// new row, so who refers is asked again there. Nobody pins anything from here on either, where
/// pins decide.
pub(super) async fn begin_removal<'a>(
    connection: &'a mut PgConnection,
    partition: &Partition,
    seen: Counts,
    keep: Keep,
) -> Result<Option<PgTransaction<'a>>, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let table = &partition.table;
    sqlx::query(LOCK_TIMEOUT).execute(&mut *transaction).await?;
    sqlx::query(AssertSqlSafe(format!(
        "LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"
    )))
    .execute(&mut *transaction)
    .await?;
    if keep == Keep::Pinned {
        pins::hold(&mut transaction).await?;
        if pins::state(&mut transaction).await? != seen.pins {
            transaction.rollback().await?;
            return Ok(None);
        }
    }
    let is_unchanged = if partition.parent == Parent::Payloads {
        counts(&mut transaction, partition, keep).await?.kept == seen.kept
    } else {
        count(&mut transaction, partition).await? == seen.total
    };
    if !is_unchanged {
        transaction.rollback().await?;
        return Ok(None);
    }
    Ok(Some(transaction))
}

/// Takes the table out and drops it; needs all of the parent for an instant.
pub(super) async fn detach_and_drop(
    connection: &mut PgConnection,
    partition: &Partition,
) -> Result<(), sqlx::Error> {
    let (parent, table) = (partition.parent.table(), &partition.table);
    for statement in [
        format!("ALTER TABLE {parent} DETACH PARTITION {table}"),
        format!("DROP TABLE {table}"),
    ] {
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Drops a partition in which nothing is kept. The archive stays, empty: rows of its time must
/// find a table.
pub(super) async fn drop_it(
    connection: &mut PgConnection,
    partition: &Partition,
    seen: Counts,
    keep: Keep,
) -> Result<Outcome, sqlx::Error> {
    let Some(mut transaction) = begin_removal(connection, partition, seen, keep).await? else {
        return Ok(Outcome::Changed);
    };
    if partition.from_ns.is_some() {
        detach_and_drop(&mut transaction, partition).await?;
    } else {
        let table = &partition.table;
        sqlx::query(AssertSqlSafe(format!("TRUNCATE {table}")))
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(Outcome::Done)
}

/// Whether the step only has to be done again: somebody held a lock for longer than we wait.
pub(super) fn is_in_the_way(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("55P03" | "40P01"))
}
