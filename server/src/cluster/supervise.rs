//! Keeps the cluster running: a server that ended by itself is started again.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::sleep;

use super::postmaster::{Launch, Postmaster};

/// Between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// Watches the server until `stop`, then stops it.
pub(super) async fn supervise(
    mut postmaster: Postmaster,
    launch: Launch,
    mut stop: oneshot::Receiver<()>,
) {
    loop {
        tokio::select! {
            _ = &mut stop => return postmaster.stop().await,
            () = postmaster.ended() => {}
        }
        tracing::error!("Postgres stopped unexpectedly; restarting it");
        let again = async {
            loop {
                match launch.start().await {
                    Ok(postmaster) => return postmaster,
                    Err(error) => tracing::error!("cannot restart Postgres: {error:#}"),
                }
                sleep(PAUSE).await;
            }
        };
        postmaster = tokio::select! {
            // One that was just being started is killed as it is dropped.
            _ = &mut stop => return,
            postmaster = again => postmaster,
        };
        tracing::info!("Postgres is running again");
    }
}
