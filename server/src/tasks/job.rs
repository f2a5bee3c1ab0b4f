//! Runs a scheduled job while this server is its leader, and waits to become its leader while
//! another is.

use std::sync::Arc;
use std::time::Duration;

use throughline_model::BoxFuture;
use throughline_store::{JobKind, LeaderLock, Store, StoreError};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::readiness::Readiness;

/// The delay until the server asks for leadership again after it lost it or the database was away.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// A scheduled job: work that one server does for all.
pub(super) trait Job: Send + 'static {
    /// The kind of the job.
    const KIND: JobKind;
    /// The pause after each run.
    const PAUSE: Duration;

    /// Runs the job once.
    fn run<'a>(&'a mut self, lock: &'a mut LeaderLock) -> BoxFuture<'a, Result<(), StoreError>>;
}

/// Runs the job while this server is its leader, until `stopping`. Waits for the schema first.
/// Failed runs are logged, counted and repeated.
pub(super) async fn run_job<W: Job>(
    store: Arc<Store>,
    readiness: Readiness,
    mut work: W,
    mut stopping: watch::Receiver<bool>,
) {
    let lock = async {
        readiness.reached().await;
        loop {
            match store.lead(W::KIND).await {
                Ok(lock) => run_while_leader(&mut work, lock).await,
                Err(error) => {
                    tracing::debug!(job = W::KIND.as_str(), %error, "cannot request leadership of the job");
                }
            }
            sleep(RETRY_AFTER).await;
        }
    };
    tokio::select! {
        _ = stopping.wait_for(|stopping| *stopping) => {}
        () = lock => {}
    }
    report_leadership(W::KIND, false);
}

/// Runs the job repeatedly, until the connection that holds the leader lock is lost.
async fn run_while_leader<W: Job>(work: &mut W, mut lock: LeaderLock) {
    let job = W::KIND.as_str();
    tracing::info!(job, "acquired leadership of the job");
    report_leadership(W::KIND, true);
    loop {
        let result = work.run(&mut lock).await;
        let word = if result.is_ok() { "ok" } else { "failed" };
        metrics::counter!("throughline_job_runs_total", "job" => job, "result" => word)
            .increment(1);
        if let Err(error) = result {
            tracing::warn!(job, %error, "the job failed; retrying");
            if lock.check().await.is_err() {
                break;
            }
        }
        sleep(W::PAUSE).await;
    }
    tracing::warn!(job, "lost leadership of the job");
    report_leadership(W::KIND, false);
}

fn report_leadership(job: JobKind, is_leading: bool) {
    metrics::gauge!("throughline_job_leader", "job" => job.as_str())
        .set(f64::from(u8::from(is_leading)));
}
