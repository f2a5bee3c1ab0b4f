//! The rows of a partition that are kept, and their numbers.

use sqlx::{AssertSqlSafe, PgConnection};

use super::partition::Partition;

/// The most referred values to compare, which must fit into memory; beyond it all values of the day
/// are kept.
pub(super) const MAX_REFERRED: usize = 500_000;

const NOTE_DIRECTORY: &str = "kept: traces that are stored, and others from ";
const NOTE_PINNED: &str = "kept: pinned traces";

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

/// The numbers of rows of a partition. For a partition of blocks, it counts the traces of each block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct RowCounts {
    pub total: i64,
    pub kept: i64,
    /// The kept rows that expire later.
    pub waiting: i64,
    /// The rows that were pinned before they were counted.
    #[sqlx(default)]
    pub pins: i64,
    /// The number of rows of a table of blocks, before their traces were counted.
    #[sqlx(default)]
    pub blocks: i64,
    /// The reason that all rows are kept because it is not known which are.
    #[sqlx(skip)]
    pub unknown: Option<Unknown>,
}

/// The reason that it is not known which values are referred to: all are to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    /// A row that may refer to some cannot be read, or was written by a later version.
    Damaged,
    /// There are more than [`MAX_REFERRED`].
    TooMany,
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
