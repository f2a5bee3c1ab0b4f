//! The connection that hears of commits: made when somebody subscribes, made again when it is
//! lost, let go when nobody is left.

use std::time::Duration;

use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};
use tokio::time::{Instant, sleep, timeout};

use super::Live;
use crate::notice::{self, CHANNEL};

/// How long connecting and a sign of life may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that is silent for so long is asked for a sign of life: a network that goes away
/// says nothing.
const SILENCE: Duration = Duration::from_secs(10);
/// How long the connection is kept when nobody is subscribed: a page that is loaded anew finds it.
const REST_AFTER: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Hears of commits for as long as it is polled.
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
        let heard = hear(live, &pool, &mut pause).await;
        // A connection that is stuck is dropped with the pool.
        let _ = timeout(TIMEOUT, pool.close()).await;
        if let Err(error) = heard {
            live.feed.set_listening(false);
            metrics::counter!("throughline_live_connection_losses_total").increment(1);
            tracing::warn!(%error, pause_ms = pause.as_millis() as u64, "the live view cannot listen");
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Hears over one connection; returns when nobody is subscribed any more.
async fn hear(live: &Live, pool: &PgPool, pause: &mut Duration) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    // A new connection has missed something: that is to be said, not to be hidden.
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
        None => tracing::debug!("a notification that is not ours"),
    }
}
