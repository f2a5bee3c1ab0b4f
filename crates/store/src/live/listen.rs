//! The connection that listens for commits: opened at the first subscription, reopened when it is
//! lost, closed when there is no subscriber.

use std::time::Duration;

use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};
use tokio::time::{Instant, sleep, timeout};

use super::Live;
use crate::notice::{self, CHANNEL};

/// The timeout of connecting and of a connection check.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The time without a notification after which the connection is checked: a network failure is
/// otherwise not noticed.
const SILENCE: Duration = Duration::from_secs(10);
/// The time for which the connection is kept without subscribers, so that a reloaded page can use
/// it.
const REST_AFTER: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Listens for commits for as long as it is polled.
pub(super) async fn listen(live: &Live) {
    let mut pause = FIRST_PAUSE;
    loop {
        live.feed.wait_for_subscriber().await;
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .acquire_timeout(TIMEOUT)
            .connect_lazy_with(live.connect.clone());
        let ended = hear(live, &pool, &mut pause).await;
        // A connection that hangs is dropped with the pool.
        let _ = timeout(TIMEOUT, pool.close()).await;
        if let Err(error) = ended {
            live.feed.set_listening(false);
            metrics::counter!("throughline_live_connection_losses_total").increment(1);
            tracing::warn!(%error, pause_ms = pause.as_millis() as u64, "the live view cannot listen");
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Listens on one connection; returns when there is no subscriber.
async fn hear(live: &Live, pool: &PgPool, pause: &mut Duration) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    // A new connection has missed notifications: subscribers must be notified of that.
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    live.feed.set_listening(true);
    *pause = FIRST_PAUSE;
    let mut last_subscriber = Instant::now();
    loop {
        match timeout(SILENCE, listener.try_recv()).await {
            Ok(Ok(Some(notification))) => take(live, notification.payload()),
            Ok(Ok(None)) => return Err(sqlx::Error::WorkerCrashed),
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                let alive = sqlx::query("SELECT").execute(&mut listener);
                timeout(TIMEOUT, alive)
                    .await
                    .map_err(|_| sqlx::Error::PoolTimedOut)??;
            }
        }
        if live.feed.has_subscribers() {
            last_subscriber = Instant::now();
        } else if last_subscriber.elapsed() > REST_AFTER && live.feed.rest() {
            return Ok(());
        }
    }
}

fn take(live: &Live, payload: &str) {
    match notice::read(payload) {
        Some(notice) if live.feed.has_subscriber(notice.tenant) => live.pending.add(notice),
        Some(_) => {}
        None => tracing::debug!("ignored an unknown notification"),
    }
}
