//! Counts and copies the rows of a partition that are kept.

use sqlx::{AssertSqlSafe, PgConnection};

use super::damaged::Damaged;
use super::partition::{Parent, Partition};
use super::payloads::{self, Unknown};
use super::{level_one, pins};

/// The rows that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Those of traces that have a row in the directory, and of no trace from this instant on.
    Directory { before_ns: i64 },
    /// Those of pinned traces.
    Pinned,
}

impl Keep {
    pub(super) const fn before_ns(self) -> i64 {
        match self {
            Self::Directory { before_ns } => before_ns,
            Self::Pinned => i64::MAX,
        }
    }

    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Directory { .. } => "traces",
            Self::Pinned => "pins",
        }
    }

    /// The comment on a partition that was taken out, from which another run knows what is kept.
    pub(super) fn note(self) -> String {
        match self {
            Self::Directory { before_ns } => format!("{NOTE_DIRECTORY}{before_ns}"),
            Self::Pinned => NOTE_PINNED.to_owned(),
        }
    }

    /// Reads a comment; everything is kept when it cannot be read.
    pub(super) fn from_note(note: Option<&str>) -> Self {
        let note = note.unwrap_or_default();
        if note == NOTE_PINNED {
            return Self::Pinned;
        }
        let before_ns = note
            .strip_prefix(NOTE_DIRECTORY)
            .and_then(|before| before.parse().ok());
        Self::Directory {
            before_ns: before_ns.unwrap_or(i64::MIN),
        }
    }
}

const NOTE_DIRECTORY: &str = "kept: traces that are stored, and others from ";
const NOTE_PINNED: &str = "kept: pinned traces";

/// The rows `s` of a partition and whether each is kept.
fn rows(partition: &Partition, keep: Keep, columns: &str) -> String {
    let (table, kept_traces) = (&partition.table, keep.table());
    format!(
        "SELECT {columns} FROM {table} AS s \
         LEFT JOIN {kept_traces} AS t ON t.tenant_id = s.tenant_id AND t.trace_id = s.trace_id"
    )
}

/// Inserts the kept rows of `partition` into `copy`; returns the reason that it is not known which
/// are.
pub(super) async fn copy_kept(
    connection: &mut PgConnection,
    partition: &Partition,
    copy: &str,
    keep: Keep,
    damaged: &mut Damaged,
) -> Result<Option<Unknown>, sqlx::Error> {
    match partition.parent {
        Parent::LevelOne => {
            level_one::copy_kept(connection, partition, copy, keep, damaged).await?;
            Ok(None)
        }
        Parent::Payloads => payloads::copy_kept(connection, partition, copy, keep, damaged).await,
        Parent::Events => {
            let (rows, kept) = (rows(partition, keep, "s.*"), partition.parent.kept());
            sqlx::query(AssertSqlSafe(format!(
                "INSERT INTO {copy} {rows} WHERE {kept}"
            )))
            .bind(keep.before_ns())
            .execute(connection)
            .await?;
            Ok(None)
        }
    }
}

/// The numbers of rows, by what becomes of them. Of blocks their traces are counted, once a
/// block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct Counts {
    pub total: i64,
    pub kept: i64,
    /// Those of the kept that go by and by.
    pub waiting: i64,
    /// The rows that were pinned before they were counted.
    #[sqlx(default)]
    pub pins: i64,
    /// Of blocks: the number of rows, before their traces were counted.
    #[sqlx(default)]
    pub blocks: i64,
    /// The reason that all rows are kept because it is not known which are.
    #[sqlx(skip)]
    pub unknown: Option<Unknown>,
}

pub(super) async fn counts(
    connection: &mut PgConnection,
    partition: &Partition,
    keep: Keep,
    damaged: &mut Damaged,
) -> Result<Counts, sqlx::Error> {
    let pins = pins::state(connection).await?;
    let blocks = match partition.parent {
        Parent::LevelOne => count(connection, partition).await?,
        Parent::Events | Parent::Payloads => 0,
    };
    let counts = match partition.parent {
        Parent::LevelOne => level_one::counts(connection, partition, keep, damaged).await?,
        Parent::Payloads => payloads::counts(connection, partition, keep, damaged).await?,
        Parent::Events => row_counts(connection, partition, keep).await?,
    };
    Ok(Counts {
        pins,
        blocks,
        ..counts
    })
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

/// Returns the number of rows.
pub(super) async fn count(
    connection: &mut PgConnection,
    partition: &Partition,
) -> Result<i64, sqlx::Error> {
    let table = &partition.table;
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
        .fetch_one(connection)
        .await
}
