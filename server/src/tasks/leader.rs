//! Does a duty for as long as this server holds it, and asks for it while another does.

use std::sync::Arc;
use std::time::Duration;

use throughline_model::BoxFuture;
use throughline_store::{Duty, Lead, Store, StoreError};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::readiness::Readiness;

/// How long until a duty is asked for again that another has, or a database that is away.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// Work that one server does for all.
pub(super) trait Work: Send + 'static {
    /// Which duty it is.
    const DUTY: Duty;
    /// The pause after each run.
    const PAUSE: Duration;

    /// Does it once.
    fn run<'a>(&'a mut self, lead: &'a mut Lead) -> BoxFuture<'a, Result<(), StoreError>>;
}

/// Does the work from when the schema is there until `stopping`. What fails is logged, counted and done again.
pub(super) async fn keep_leading<W: Work>(
    store: Arc<Store>,
    readiness: Readiness,
    mut work: W,
    mut stopping: watch::Receiver<bool>,
) {
    let lead = async {
        readiness.reached().await;
        loop {
            match store.lead(W::DUTY).await {
                Ok(Some(lead)) => do_duty(&mut work, lead).await,
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(duty = W::DUTY.as_str(), %error, "a duty cannot be asked for");
                }
            }
            sleep(ASK_AGAIN).await;
        }
    };
    tokio::select! {
        _ = stopping.wait_for(|stopping| *stopping) => {}
        () = lead => {}
    }
    report_leading(W::DUTY, false);
}

/// Does the work again and again, until the connection that holds the lock is lost.
async fn do_duty<W: Work>(work: &mut W, mut lead: Lead) {
    let duty = W::DUTY.as_str();
    tracing::info!(duty, "this server does the duty");
    report_leading(W::DUTY, true);
    loop {
        let result = work.run(&mut lead).await;
        let word = if result.is_ok() { "ok" } else { "failed" };
        metrics::counter!("throughline_task_runs_total", "task" => duty, "result" => word)
            .increment(1);
        if let Err(error) = result {
            tracing::warn!(duty, %error, "a background task failed and is run again");
            if lead.check().await.is_err() {
                break;
            }
        }
        sleep(W::PAUSE).await;
    }
    report_leading(W::DUTY, false);
}

fn report_leading(duty: Duty, is_leading: bool) {
    metrics::gauge!("throughline_task_leading", "task" => duty.as_str())
        .set(f64::from(u8::from(is_leading)));
}
