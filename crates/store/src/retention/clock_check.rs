//! Decides by which time data is removed. A host may start with a wrong clock, or its clock may step:
//! neither must remove young data, or stop retention for good.
//!
//! The clock of the server is compared with that of the database, and with the time of the last run
//! that trusted it. A private cluster shares the clock of its host, so only the latter tells anything
//! there. What is received meanwhile tells nothing: it was received by the same clock.

use std::time::Duration;

use sqlx::PgConnection;
use throughline_wire::UnixNanos;
use tokio::time::Instant;

use crate::StoreError;
use crate::steady_clock::SteadyClock;

/// The largest accepted difference from the clock of the database and from the last run. Above it
/// nothing is removed by age.
const MAX_DIFFERENCE: Duration = Duration::from_hours(1);
/// The largest difference from the last run that a clock without a step may have. A longer pause is
/// less likely than a wrong clock: an operator must say that the clock is right.
const MAX_PAUSE: Duration = Duration::from_hours(7 * 24);
/// The age of the noted time of the last run from which it is noted again, in ns.
const NOTE_AFTER_NS: i64 = UnixNanos::PER_MINUTE;

/// Checks the clock of a server.
#[derive(Debug)]
pub(crate) struct ClockCheck {
    steady_clock: SteadyClock,
    /// See [`StoreOptions::clock_steadiness`](crate::StoreOptions::clock_steadiness).
    steadiness: Duration,
}

impl ClockCheck {
    /// Begins to watch a clock that shows `now`.
    pub(crate) fn new(now: UnixNanos, steadiness: Duration) -> Self {
        let steady_clock = SteadyClock::default();
        steady_clock.steady_for(Instant::now(), now);
        Self {
            steady_clock,
            steadiness,
        }
    }

    /// Returns the time by which data may be removed, where the clock of this server shows `now`: `now`,
    /// or the time of the database's clock if that is earlier. Rollups go by the latter, so no trace is
    /// removed before its spans are too old to be counted again. Notes the result in the database.
    ///
    /// # Errors
    /// [`StoreError::Clocks`], [`StoreError::ClockStep`], [`StoreError::Database`].
    pub(crate) async fn check(
        &self,
        connection: &mut PgConnection,
        now: UnixNanos,
    ) -> Result<UnixNanos, StoreError> {
        let steady_for = self.steady_clock.steady_for(Instant::now(), now);
        let others = OtherClocks::read(connection).await?;
        let from_now = |other: UnixNanos| Duration::from_nanos(now.get().abs_diff(other.get()));
        let from_database = from_now(others.database);
        let refusal = if from_database > MAX_DIFFERENCE {
            Some(StoreError::Clocks(from_database))
        } else {
            others
                .last
                .filter(|last| {
                    let is_steady = steady_for >= self.steadiness;
                    let accepted = if is_steady { MAX_PAUSE } else { MAX_DIFFERENCE };
                    from_now(*last) > accepted
                })
                .map(|last| StoreError::ClockStep { now, last })
        };
        if let Some(refusal) = refusal {
            note_refusal(connection, &refusal).await?;
            return Err(refusal);
        }
        note_trusted(connection, now).await?;
        Ok(now.min(others.database))
    }
}

/// Returns the earliest of the clock of this server, which shows `now`, that of the database, and the
/// time of the last run that trusted it. A day that is past by all of them is past.
pub(crate) async fn earliest(
    connection: &mut PgConnection,
    now: UnixNanos,
) -> Result<UnixNanos, sqlx::Error> {
    let others = OtherClocks::read(connection).await?;
    Ok(now.min(others.database).min(others.last.unwrap_or(now)))
}

/// The times with which the clock of this server is compared.
struct OtherClocks {
    database: UnixNanos,
    /// The time of the last run that trusted the clock. Before the first one, the time at which the
    /// newest stored data was received; `None` if nothing is stored.
    last: Option<UnixNanos>,
}

impl OtherClocks {
    async fn read(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let (database_ns, checked_ns): (i64, Option<i64>) = sqlx::query_as(
            "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000, checked_ns
             FROM retention_state",
        )
        .fetch_one(&mut *connection)
        .await?;
        let last_ns = match checked_ns {
            Some(checked_ns) => Some(checked_ns),
            None => {
                sqlx::query_scalar(include_str!("newest_received.sql"))
                    .fetch_one(connection)
                    .await?
            }
        };
        Ok(Self {
            database: UnixNanos::new(database_ns),
            last: last_ns.map(UnixNanos::new),
        })
    }
}

/// Notes that the clock is trusted, for the next runs of all servers.
pub(crate) async fn note_trusted(
    connection: &mut PgConnection,
    now: UnixNanos,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE retention_state SET checked_ns = $1, refusal = NULL
         WHERE refusal IS NOT NULL OR checked_ns IS NULL OR checked_ns NOT BETWEEN $1 - $2 AND $1",
    )
    .bind(now.get())
    .bind(NOTE_AFTER_NS)
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that nothing is removed by age, and why.
async fn note_refusal(
    connection: &mut PgConnection,
    refusal: &StoreError,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE retention_state SET refusal = $1")
        .bind(refusal.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// Returns why nothing is removed by age; `None` if the clock is trusted.
pub(crate) async fn refusal(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT refusal FROM retention_state")
        .fetch_one(connection)
        .await
}
