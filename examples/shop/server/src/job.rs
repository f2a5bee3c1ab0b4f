//! The job table: work that is queued with the transaction that wants it, and done later.

use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, PgPool};
use throughline::Carrier;
use time::OffsetDateTime;
use tracing::Instrument;

use crate::order::OrderId;
use crate::product::ProductId;

/// What there is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "payload", rename_all = "kebab-case")]
pub enum Work {
    /// Tell the customer that the order arrived.
    SendConfirmation {
        /// Which order.
        order_id: OrderId,
    },
    /// Make more of a product that runs low.
    Restock {
        /// Which product.
        product_id: ProductId,
    },
}

impl Work {
    /// The word for it in the `kind` column.
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

/// Queues work as part of the caller's transaction: it exists exactly when that commits.
///
/// # Errors
/// The database does not answer.
pub async fn enqueue(tx: &mut PgConnection, work: &Work) -> sqlx::Result<()> {
    // TRACE: a span for the queueing, which the job row takes along.
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

/// A job that this worker holds.
#[derive(Debug, FromRow)]
pub struct Job {
    /// Its number.
    pub id: i64,
    /// The `kind` column; may be a word of a newer version of the shop.
    pub kind: String,
    payload: serde_json::Value,
    carrier: serde_json::Value,
    /// Which attempt this is, from 1.
    #[sqlx(try_from = "i32")]
    pub attempt: u32,
    /// How many there may be.
    #[sqlx(try_from = "i32")]
    pub max_attempts: u32,
    /// Since when it could have been done.
    pub run_at: OffsetDateTime,
}

impl Job {
    /// What to do.
    ///
    /// # Errors
    /// The row was not written by this version of the shop.
    pub fn work(&self) -> Result<Work, serde_json::Error> {
        serde_json::from_value(serde_json::json!({ "kind": self.kind, "payload": self.payload }))
    }

    /// The trace that queued the job; an empty carrier when the row has none that reads.
    pub fn carrier(&self) -> Carrier {
        serde_json::from_value(self.carrier.clone()).unwrap_or_default()
    }
}

/// Takes the next job that is due, or one whose worker has not been heard of for 30 s. Workers do
/// not wait for each other: a row that one is taking, the next one skips.
///
/// # Errors
/// The database does not answer.
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

/// The job is done.
///
/// # Errors
/// The database does not answer.
pub async fn finish(pool: &PgPool, job: &Job) -> sqlx::Result<()> {
    sqlx::query("UPDATE jobs SET status = 'done', finished_at = clock_timestamp() WHERE id = $1")
        .bind(job.id)
        .execute(pool)
        .await?;
    Ok(())
}

/// The attempt failed and there is another: after 1 s, then 2 s, then 4 s.
///
/// # Errors
/// The database does not answer.
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

/// The last attempt failed.
///
/// # Errors
/// The database does not answer.
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
