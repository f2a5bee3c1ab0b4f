//! Keeps the cluster running: restarts a server that stopped unexpectedly.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::sleep;

use super::postmaster::{Launch, Postmaster};

/// The delay between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// Supervises the server until `stop` is sent, then stops it.
pub(super) async fn supervise(
    mut postmaster: Postmaster,
    launch: Launch,
    mut stop: oneshot::Receiver<()>,
) {
    loop {
        tokio::select! {
            _ = &mut stop => return postmaster.stop().await,
            () = postmaster.ended() => {}
            () = launch.log().rotate_for_ever() => {}
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
            // A server that is starting is killed when its handle is dropped.
            _ = &mut stop => return,
            postmaster = again => postmaster,
        };
        tracing::info!("Postgres is running again");
    }
}
