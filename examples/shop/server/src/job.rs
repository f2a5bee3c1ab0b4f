//! The job table. A transaction queues work in it, and a worker does the work later.

use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, PgPool};
use throughline::Carrier;
use time::OffsetDateTime;
use tracing::Instrument;

use crate::order_id::OrderId;
use crate::product::ProductId;

/// The kinds of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "payload", rename_all = "kebab-case")]
pub enum Work {
    /// Send the customer a confirmation of the order.
    SendConfirmation {
        /// The order to confirm.
        order_id: OrderId,
    },
    /// Refill the stock of a product that runs low.
    Restock {
        /// The product to refill.
        product_id: ProductId,
    },
}

impl Work {
    /// Returns the word for the `kind` column.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::SendConfirmation { .. } => "send-confirmation",
            Self::Restock { .. } => "restock",
        }
    }

    fn payload(&self) -> serde_json::Value {
        match self {
            Self::SendConfirmation { order_id } => serde_json::json!({ "order_id": order_id }),
            Self::Restock { product_id } => serde_json::json!({ "product_id": product_id }),
        }
    }
}

/// Queues work within the caller's transaction. The job exists exactly if the transaction commits.
///
/// # Errors
/// The database query failed.
pub async fn enqueue(tx: &mut PgConnection, work: &Work) -> sqlx::Result<()> {
    // TRACE: starts a span for the queueing. The job row stores its context.
    let span = throughline::enqueue(work.kind()).queue("jobs").start();
    async {
        sqlx::query("INSERT INTO jobs (kind, payload, carrier) VALUES ($1, $2, $3)")
            .bind(work.kind())
            .bind(work.payload())
            .bind(Json(Carrier::current()))
            .execute(tx)
            .await
    }
    .instrument(span)
    .await?;
    Ok(())
}

/// A job that this worker has claimed.
#[derive(Debug, FromRow)]
pub struct Job {
    /// The id of the job.
    pub id: i64,
    /// The `kind` column. A newer version of the shop may write an unknown word.
    pub kind: String,
    payload: serde_json::Value,
    carrier: serde_json::Value,
    /// The number of this attempt, from 1.
    #[sqlx(try_from = "i32")]
    pub attempt: u32,
    /// The maximum number of attempts.
    #[sqlx(try_from = "i32")]
    pub max_attempts: u32,
    /// The time from which it could run.
    pub run_at: OffsetDateTime,
}

impl Job {
    /// Returns the work to do.
    ///
    /// # Errors
    /// Another version of the shop wrote the row.
    pub fn work(&self) -> Result<Work, serde_json::Error> {
        serde_json::from_value(serde_json::json!({ "kind": self.kind, "payload": self.payload }))
    }

    /// Returns the trace context that queued the job, or an empty carrier if the row has no valid
    /// one.
    pub fn carrier(&self) -> Carrier {
        serde_json::from_value(self.carrier.clone()).unwrap_or_default()
    }
}

/// Claims the next job that is due, or one whose worker has been silent for 30 s. Workers do not
/// wait for each other: a worker skips a row that another one has locked.
///
/// # Errors
/// The database query failed.
pub async fn claim(pool: &PgPool) -> sqlx::Result<Option<Job>> {
    sqlx::query_as(
        "UPDATE jobs
         SET status = 'running', attempt = least(attempt + 1, max_attempts),
             started_at = clock_timestamp()
         WHERE id = (
             SELECT id FROM jobs
             WHERE (status = 'queued' AND run_at <= clock_timestamp())
                OR (status = 'running' AND started_at < clock_timestamp() - interval '30 seconds')
             ORDER BY run_at, id
             LIMIT 1
             FOR UPDATE SKIP LOCKED)
         RETURNING id, kind, payload, carrier, attempt, max_attempts, run_at",
    )
    .fetch_optional(pool)
    .await
}

/// Marks the job as done.
///
/// # Errors
/// The database query failed.
pub async fn finish(pool: &PgPool, job: &Job) -> sqlx::Result<()> {
    sqlx::query("UPDATE jobs SET status = 'done', finished_at = clock_timestamp() WHERE id = $1")
        .bind(job.id)
        .execute(pool)
        .await?;
    Ok(())
}

/// Queues the next attempt after a failed one: after 1 s, then 2 s, then 4 s.
///
/// # Errors
/// The database query failed.
pub async fn retry(pool: &PgPool, job: &Job, error: &str) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE jobs
         SET status = 'queued', last_error = $2,
             run_at = clock_timestamp() + make_interval(secs => $3)
         WHERE id = $1",
    )
    .bind(job.id)
    .bind(error)
    .bind(backoff_seconds(job.attempt))
    .execute(pool)
    .await?;
    Ok(())
}

/// Marks the job as failed after its last attempt.
///
/// # Errors
/// The database query failed.
pub async fn give_up(pool: &PgPool, job: &Job, error: &str) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE jobs
         SET status = 'failed', last_error = $2, finished_at = clock_timestamp()
         WHERE id = $1",
    )
    .bind(job.id)
    .bind(error)
    .execute(pool)
    .await?;
    Ok(())
}

fn backoff_seconds(attempt: u32) -> f64 {
    f64::from(1_u32 << (attempt.clamp(1, 6) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_comes_back_from_its_two_columns() {
        for work in [
            Work::SendConfirmation {
                order_id: OrderId(7),
            },
            Work::Restock {
                product_id: ProductId(3),
            },
        ] {
            let row = serde_json::json!({ "kind": work.kind(), "payload": work.payload() });
            assert_eq!(serde_json::from_value::<Work>(row).expect("reads"), work);
        }
    }

    #[test]
    fn each_wait_is_twice_the_last_and_bounded() {
        let waits: Vec<f64> = [0, 1, 2, 3, 100].map(backoff_seconds).to_vec();
        assert_eq!(waits, [1.0, 1.0, 2.0, 4.0, 32.0]);
    }
}
