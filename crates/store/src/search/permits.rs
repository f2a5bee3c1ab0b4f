//! Permits to scan blocks: searches leave most of the cores to ingest while spans wait for their commit.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

/// The interval at which those that wait ask again whether spans wait.
const EVERY: Duration = Duration::from_millis(20);

/// Tells whether spans wait for their commit.
pub(crate) type IsIngestBusy = Box<dyn Fn() -> bool + Send + Sync>;

/// Decides how many batches of blocks are scanned at the same time: while spans wait for their commit one
/// for each four cores and one at least, else one for each core. A scan costs about one core, be it of
/// this process or of the database.
pub(crate) struct ScanPermits {
    cores: usize,
    is_ingest_busy: IsIngestBusy,
    scans: Mutex<Scans>,
    freed: Notify,
}

/// The scans of one moment.
#[derive(Debug, Default)]
struct Scans {
    /// Batches of blocks that are scanned.
    running: usize,
    /// Searches that wait until they may scan one.
    waiting: usize,
}

/// The right to scan one batch of blocks, until it is dropped.
#[derive(Debug)]
pub(super) struct ScanPermit<'a>(&'a ScanPermits);

/// The number of scans that may run at the same time.
fn most_scans(cores: usize, is_ingest_busy: bool) -> usize {
    let share = if is_ingest_busy { cores / 4 } else { cores };
    share.max(1)
}

impl ScanPermits {
    pub(crate) fn new(cores: usize, is_ingest_busy: IsIngestBusy) -> Self {
        Self {
            cores,
            is_ingest_busy,
            scans: Mutex::default(),
            freed: Notify::new(),
        }
    }

    /// Waits for a permit. Those that wait get one each as others are given back.
    pub(super) async fn acquire(&self) -> ScanPermit<'_> {
        if let Some(permit) = self.try_acquire() {
            return permit;
        }
        let _waiting = Waiting::new(self);
        loop {
            // Nobody says when ingest comes to rest.
            let _ = timeout(EVERY, self.freed.notified()).await;
            if let Some(permit) = self.try_acquire() {
                return permit;
            }
        }
    }

    fn try_acquire(&self) -> Option<ScanPermit<'_>> {
        let most = most_scans(self.cores, (self.is_ingest_busy)());
        let mut scans = self.scans();
        if scans.running >= most {
            return None;
        }
        scans.running += 1;
        Some(ScanPermit(self))
    }

    fn scans(&self) -> MutexGuard<'_, Scans> {
        self.scans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how many scans run, and how many searches wait until they may scan.
    #[cfg(feature = "testing")]
    pub(crate) fn counts(&self) -> (usize, usize) {
        let scans = self.scans();
        (scans.running, scans.waiting)
    }
}

/// A search that waits for a permit, until this is dropped.
struct Waiting<'a>(&'a ScanPermits);

impl<'a> Waiting<'a> {
    fn new(permits: &'a ScanPermits) -> Self {
        permits.scans().waiting += 1;
        Self(permits)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut scans = self.0.scans();
        scans.waiting = scans.waiting.saturating_sub(1);
    }
}

impl Drop for ScanPermit<'_> {
    fn drop(&mut self) {
        let mut scans = self.0.scans();
        scans.running = scans.running.saturating_sub(1);
        self.0.freed.notify_one();
    }
}

impl fmt::Debug for ScanPermits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScanPermits")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn searches_have_a_quarter_of_the_cores_while_spans_wait_and_one_at_least() {
        let most = |is_busy| [1, 2, 4, 7, 8, 64].map(|cores| most_scans(cores, is_busy));
        assert_eq!(most(true), [1, 1, 1, 1, 2, 16]);
        assert_eq!(most(false), [1, 2, 4, 7, 8, 64]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_scan_waits_while_spans_wait_and_others_run() {
        let is_busy = Arc::new(AtomicBool::new(true));
        let asked = Arc::clone(&is_busy);
        let permits = ScanPermits::new(4, Box::new(move || asked.load(Ordering::Relaxed)));
        let first = permits.acquire().await;
        assert!(permits.try_acquire().is_none());
        drop(first);
        let first = permits.acquire().await;
        let (second, ()) = tokio::join!(permits.acquire(), async {
            tokio::time::sleep(EVERY * 3).await;
            is_busy.store(false, Ordering::Relaxed);
        });
        let others = [permits.acquire().await, permits.acquire().await];
        assert!(permits.try_acquire().is_none());
        drop((first, second, others));
    }
}
