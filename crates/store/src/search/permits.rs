//! Permits to scan blocks. While spans wait for their commit, searches leave most of the cores to
//! ingest.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

/// The interval at which a waiting search checks again whether ingest is busy.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// Reports whether spans wait for their commit.
pub(crate) type IsIngestBusy = Box<dyn Fn() -> bool + Send + Sync>;

/// Limits the number of batches of blocks that are scanned at the same time.
///
/// The limit is one per core. While spans wait for their commit, it is one per four cores, but at
/// least one. A scan uses about one core, either in this process or in the database.
pub(crate) struct ScanPermits {
    cores: usize,
    is_ingest_busy: IsIngestBusy,
    scans: Mutex<Scans>,
    freed: Notify,
}

/// The counts of scans and waiting searches.
#[derive(Debug, Default)]
struct Scans {
    /// The number of running scans.
    running: usize,
    /// The number of searches that wait for a permit.
    waiting: usize,
}

/// A permit to scan one batch of blocks. Dropping it releases the permit.
#[derive(Debug)]
pub(super) struct ScanPermit<'a>(&'a ScanPermits);

/// Returns the maximum number of concurrent scans.
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

    /// Waits for a permit. Each released permit wakes one waiting search.
    pub(super) async fn acquire(&self) -> ScanPermit<'_> {
        if let Some(permit) = self.try_acquire() {
            return permit;
        }
        let _waiting = WaitingScan::new(self);
        loop {
            // Ingest sends no notification when it becomes idle, so the search also checks at an
            // interval.
            let _ = timeout(CHECK_INTERVAL, self.freed.notified()).await;
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

    /// Returns the number of running scans and the number of waiting searches.
    #[cfg(feature = "testing")]
    pub(crate) fn counts(&self) -> (usize, usize) {
        let scans = self.scans();
        (scans.running, scans.waiting)
    }
}

/// Counts a waiting search until it is dropped.
struct WaitingScan<'a>(&'a ScanPermits);

impl<'a> WaitingScan<'a> {
    fn new(permits: &'a ScanPermits) -> Self {
        permits.scans().waiting += 1;
        Self(permits)
    }
}

impl Drop for WaitingScan<'_> {
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
            tokio::time::sleep(CHECK_INTERVAL * 3).await;
            is_busy.store(false, Ordering::Relaxed);
        });
        let others = [permits.acquire().await, permits.acquire().await];
        assert!(permits.try_acquire().is_none());
        drop((first, second, others));
    }
}
