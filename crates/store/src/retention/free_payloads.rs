//! Frees large values of the days that an erasure marked, before the days are past.

use sqlx::PgConnection;
use throughline_model::RetentionReport;

use super::days::{self, Worked};
use super::kept::Unknown;
use super::partition::{Parent, Partition};
use super::{Cutoffs, Damaged, catalogue, payload_days, removal};
use crate::sqlstate::is_damage;

/// The table of large values of a day on which an erasure has removed something.
#[derive(Debug)]
pub(crate) struct MarkedDay(Partition);

/// The result for a day. Unless it is done the day keeps its mark and its values stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freed {
    /// The values that nothing refers to are gone.
    Done,
    /// Somebody used the table for too long, or stored values all the time.
    InUse,
    /// A span, an event or a value cannot be read.
    Damaged,
    /// There are more references than are held in memory.
    TooMany,
}

/// The days that are marked.
pub(crate) async fn marked_days(
    connection: &mut PgConnection,
) -> Result<Vec<MarkedDay>, sqlx::Error> {
    let marked = payload_days::marked(connection).await?;
    if marked.is_empty() {
        return Ok(Vec::new());
    }
    let mut tables = catalogue::list(connection).await?;
    tables.retain(|partition| partition.parent == Parent::Payloads);
    payload_days::unmark_gone(connection, &tables).await?;
    tables.retain(|partition| {
        let from_ns = partition.from_ns.unwrap_or(i64::MIN);
        marked.range(from_ns..partition.to_ns).next().is_some()
    });
    Ok(tables.into_iter().map(MarkedDay).collect())
}

/// Replaces the table of a day by one without the values that nothing refers to. The caller holds the
/// lock of [`run_lock`](super::run_lock).
pub(crate) async fn free_payloads(
    connection: &mut PgConnection,
    MarkedDay(partition): &MarkedDay,
    damaged: &mut Damaged,
) -> Result<Freed, sqlx::Error> {
    // Whatever has a row is kept.
    let nothing_expires = Cutoffs {
        ok_ns: i64::MIN,
        error_ns: i64::MIN,
        rollup_ns: i64::MIN,
    };
    // A run that broke off may have left its copy.
    catalogue::drop_leftovers(connection).await?;
    let mut report = RetentionReport::default();
    let worked = days::rewrite_now(connection, partition, nothing_expires, damaged, &mut report);
    let freed = match worked.await {
        Ok(Worked::Done) => Freed::Done,
        Ok(Worked::Left) => Freed::InUse,
        Ok(Worked::Unknown(Unknown::Damaged)) => Freed::Damaged,
        Ok(Worked::Unknown(Unknown::TooMany)) => Freed::TooMany,
        Err(error) if removal::is_in_the_way(&error) => Freed::InUse,
        Err(error) if is_damage(&error) => {
            tracing::error!(
                table = partition.table,
                %error,
                "the database cannot read a table of offloaded payloads, or an event that may \
                 refer to one; the table is skipped"
            );
            Freed::Damaged
        }
        Err(error) => return Err(error),
    };
    if freed == Freed::Done {
        payload_days::unmark(connection, partition).await?;
    }
    Ok(freed)
}
