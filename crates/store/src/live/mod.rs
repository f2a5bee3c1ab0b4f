//! The live view: sends every commit of any server to the subscribers of all servers. The
//! committing transaction sends a notification. Each server has one connection that listens, and
//! makes one look-up for all its subscribers.

mod fan_out;
mod feed;
mod listen;
mod pending;

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool};
use throughline_model::LiveFeed;
use throughline_wire::TenantId;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

use self::feed::{Feed, TenantFeed};
use self::pending::Pending;
use crate::{Clock, StoreOptions};

/// The shared state of the live view's tasks.
#[derive(Debug, Clone)]
struct Live {
    /// The connection options of the listener.
    connect: PgConnectOptions,
    /// The pool for looking up traces.
    pool: PgPool,
    answer_timeout: Duration,
    clock: Clock,
    feed: Arc<Feed>,
    pending: Arc<Pending>,
}

/// The running live view of a store. It connects at the first subscription and disconnects when
/// there has been no subscriber for a while.
pub(crate) struct LiveHandle {
    feed: Arc<Feed>,
    closing: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// Starts the live view; must be called within a tokio runtime.
pub(crate) fn spawn(
    connect: &PgConnectOptions,
    pool: &PgPool,
    options: &StoreOptions,
) -> LiveHandle {
    let live = Live {
        connect: connect.clone(),
        pool: pool.clone(),
        clock: options.clock.clone(),
        answer_timeout: options.answer_timeout,
        feed: Arc::default(),
        pending: Arc::default(),
    };
    let (closing, is_closing) = watch::channel(false);
    LiveHandle {
        feed: Arc::clone(&live.feed),
        closing,
        task: Mutex::new(Some(tokio::spawn(keep_running(live, is_closing)))),
    }
}

impl LiveHandle {
    /// Returns the live feed of `tenant`.
    pub(crate) fn feed(&self, tenant: TenantId) -> Arc<dyn LiveFeed> {
        Arc::new(TenantFeed::new(Arc::clone(&self.feed), tenant))
    }

    /// Ends every subscription and the connection.
    pub(crate) async fn close(&self) {
        self.closing.send_replace(true);
        if let Some(task) = self.task.lock().await.take() {
            // The task ends without a result.
            let _ = task.await;
        }
    }
}

/// Runs until the store closes or is dropped. Restarts after a panic: one bug must not block every
/// subscriber.
async fn keep_running(live: Live, mut closing: watch::Receiver<bool>) {
    loop {
        let run = tokio::spawn(run(live.clone(), closing.clone()));
        match run.await {
            Ok(()) => break,
            Err(error) => {
                tracing::error!(%error, "the task of the live view stopped unexpectedly; restarting it");
            }
        }
        // The pause avoids a busy loop when the task panics each time.
        let pause = tokio::time::sleep(Duration::from_secs(1));
        tokio::select! {
            () = pause => {}
            _ = closing.wait_for(|closing| *closing) => break,
        }
    }
    live.feed.end();
}

async fn run(live: Live, mut closing: watch::Receiver<bool>) {
    tokio::select! {
        () = listen::listen(&live) => {}
        () = fan_out::look_up(&live) => {}
        // An error means that the store was dropped.
        _ = closing.wait_for(|closing| *closing) => {}
    }
}
