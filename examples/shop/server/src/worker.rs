//! The worker: claims jobs from the table and does them one at a time.

use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::watch;
use tracing::Instrument;

use crate::job::{self, Job, Work};
use crate::mail::{Confirmation, MailError, MailGateway};
use crate::order_id::OrderId;
use crate::product::ProductId;

/// The pause when no job is due.
const POLL: Duration = Duration::from_millis(500);
/// The pause after a failed query.
const PAUSE: Duration = Duration::from_secs(2);

/// The result of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The job is done.
    Done,
    /// This attempt failed, and another one is queued.
    Retry,
    /// The last attempt failed.
    GaveUp,
}

/// The reason why an attempt failed.
#[derive(Debug, thiserror::Error)]
enum WorkError {
    #[error("the mail gateway refused: {0}")]
    Mail(#[from] MailError),
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    #[error("the job does not read: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// Works until `stop` becomes true. A job that has begun is finished first.
pub async fn run(pool: PgPool, mail: MailGateway, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow_and_update() {
        let rest = match run_next(&pool, mail).await {
            Ok(Some(_)) => continue,
            Ok(None) => POLL,
            Err(error) => {
                tracing::error!(%error, "the worker cannot reach its jobs");
                PAUSE
            }
        };
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Does the next job that is due. Returns `None` if there is none.
///
/// # Errors
/// A query of the job table failed. A failed job is not an error but an [`Outcome`].
pub async fn run_next(pool: &PgPool, mail: MailGateway) -> sqlx::Result<Option<Outcome>> {
    let Some(job) = job::claim(pool).await? else {
        return Ok(None);
    };

    // TRACE: continues the trace that queued the job.
    let span = job
        .carrier()
        .job(job.kind.clone())
        .queue("jobs")
        .id(job.id)
        .attempt(job.attempt, job.max_attempts)
        .queued_at(job.run_at)
        .start();
    attempt(pool, mail, &job).instrument(span).await.map(Some)
}

async fn attempt(pool: &PgPool, mail: MailGateway, job: &Job) -> sqlx::Result<Outcome> {
    let Err(error) = perform(pool, mail, job).await else {
        job::finish(pool, job).await?;
        return Ok(Outcome::Done);
    };
    // TRACE: records why the attempt failed.
    throughline::record_error(&error);
    tracing::warn!(job = job.id, kind = job.kind, attempt = job.attempt, %error, "a job failed");

    if job.attempt < job.max_attempts {
        job::retry(pool, job, &error.to_string()).await?;
        return Ok(Outcome::Retry);
    }
    if let Ok(Work::SendConfirmation { order_id }) = job.work() {
        set_status(pool, order_id, "failed").await?;
    }
    job::give_up(pool, job, &error.to_string()).await?;
    Ok(Outcome::GaveUp)
}

async fn perform(pool: &PgPool, mail: MailGateway, job: &Job) -> Result<(), WorkError> {
    match job.work()? {
        Work::SendConfirmation { order_id } => {
            if let Some(letter) = write_letter(pool, order_id).await? {
                mail.deliver(&letter, job.attempt)?;
                set_status(pool, order_id, "confirmed").await?;
            }
        }
        Work::Restock { product_id } => restock(pool, product_id).await?,
    }
    Ok(())
}

/// Returns the letter for an order, or `None` if it no longer needs one.
async fn write_letter(pool: &PgPool, order: OrderId) -> sqlx::Result<Option<Confirmation>> {
    let row: Option<(String, String, i64, i64)> = sqlx::query_as(
        "SELECT o.email, o.customer_name, o.total_cents, sum(i.quantity)
         FROM orders o JOIN order_items i ON i.order_id = o.id
         WHERE o.id = $1 AND o.status = 'pending'
         GROUP BY o.id",
    )
    .bind(order)
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|(email, name, total_cents, pieces)| Confirmation {
        order,
        email,
        name,
        total_cents,
        pieces,
    }))
}

async fn set_status(pool: &PgPool, order: OrderId, status: &str) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE orders
         SET status = $2, confirmed_at = CASE WHEN $2 = 'confirmed' THEN now() END
         WHERE id = $1",
    )
    .bind(order)
    .bind(status)
    .execute(pool)
    .await?;
    Ok(())
}

async fn restock(pool: &PgPool, product: ProductId) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE stock SET quantity = restock_to WHERE product_id = $1 AND quantity < restock_to",
    )
    .bind(product)
    .execute(pool)
    .await?;
    Ok(())
}
