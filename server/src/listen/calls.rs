//! Counts the calls that a connection has in flight, and waits until it has been silent.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// The number of calls of a connection that wait for their response.
#[derive(Debug, Clone)]
pub(super) struct Calls {
    in_flight: watch::Sender<u32>,
}

/// A call in flight. It ends when the value is dropped.
#[derive(Debug)]
pub(super) struct Call {
    in_flight: watch::Sender<u32>,
}

impl Calls {
    pub(super) fn new() -> Self {
        Self {
            in_flight: watch::Sender::new(0),
        }
    }

    pub(super) fn begin(&self) -> Call {
        self.in_flight.send_modify(|calls| *calls += 1);
        Call {
            in_flight: self.in_flight.clone(),
        }
    }

    /// Returns once there was no call for `first` since the connection began, or for `idle` after
    /// a call. A response that the client does not read is no call.
    pub(super) async fn silence(&self, first: Duration, idle: Duration) {
        let mut in_flight = self.in_flight.subscribe();
        if timeout(first, in_flight.changed()).await.is_err() {
            return;
        }
        loop {
            // The sender lives as long as `self`.
            let _ = in_flight.wait_for(|calls| *calls == 0).await;
            if timeout(idle, in_flight.changed()).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.in_flight.send_modify(|calls| *calls -= 1);
    }
}
