//! One partition a UTC day of every table that has an instant, made before the first row of the day is
//! copied.

use std::collections::HashSet;

use sqlx::PgConnection;
use throughline_wire::UnixNanos;

use crate::day::day_ns;

/// The partitions known to exist, as far as one connection has asked.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    /// Where the archive ends, which needs no partition; none until it has been read.
    archive_ns: Option<i64>,
    days: HashSet<i64>,
}

impl Partitions {
    /// Makes what is missing for `days` and, so that midnight surprises nobody, for today and tomorrow.
    ///
    /// Each is made in a transaction of its own: the rows come later, and other servers may want
    /// the same day at the same moment.
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
                tracing::info!(day_ns = day, "made the partition of a day");
            }
            self.days.insert(day);
        }
        Ok(())
    }
}
