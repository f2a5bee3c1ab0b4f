//! Creates one partition for each UTC day in every table with a time, before the first row of the
//! day is copied.

use std::collections::HashSet;

use sqlx::PgConnection;
use throughline_wire::UnixNanos;

use crate::day::day_ns;

/// The partitions that exist, as far as this connection has checked.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    /// The end of the archive, before which no day needs a partition; `None` until it has been
    /// read.
    archive_ns: Option<i64>,
    days: HashSet<i64>,
}

impl Partitions {
    /// Creates the missing partitions for `days`, and also for today and tomorrow, so that no
    /// commit has to create one at midnight.
    ///
    /// Each partition is created in its own transaction: the rows come later, and other servers may
    /// create the same day at the same moment.
    pub(super) async fn ensure(
        &mut self,
        connection: &mut PgConnection,
        days: impl Iterator<Item = i64>,
        now: UnixNanos,
    ) -> Result<(), sqlx::Error> {
        let archive_ns = if let Some(archive_ns) = self.archive_ns {
            archive_ns
        } else {
            let archive_ns = sqlx::query_scalar("SELECT boundary_ns FROM day_archive")
                .fetch_one(&mut *connection)
                .await?;
            self.archive_ns = Some(archive_ns);
            archive_ns
        };
        let today = day_ns(now.get());
        let tomorrow = today.saturating_add(UnixNanos::PER_DAY);
        for day in days.chain([today, tomorrow]) {
            if day < archive_ns || self.days.contains(&day) {
                continue;
            }
            let made: bool = sqlx::query_scalar("SELECT ensure_day_partitions($1)")
                .bind(day)
                .fetch_one(&mut *connection)
                .await?;
            if made {
                tracing::info!(day_ns = day, "created the partitions of a day");
            }
            self.days.insert(day);
        }
        Ok(())
    }
}
