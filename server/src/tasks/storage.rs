//! Watches the size of the database, warns, and stops ingest before the disk is full.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use throughline_model::{StorageGauge, StorageLevel};
use throughline_store::Store;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// The pause between two looks at the free space of the disk, which cost little.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The number of looks between two measurements of the database.
const LOOKS: u32 = 10;
/// The divisor for the maximum reserve: a tenth of the disk.
const RESERVE_SHARE: u64 = 10;

/// The limits of the size of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageLimits {
    /// The size budget in bytes; `None` for no limit but the disk.
    pub budget_bytes: Option<u64>,
    /// The disk reserve of the private cluster in bytes, at most a tenth of the disk.
    pub reserve_bytes: u64,
}

impl StorageLimits {
    /// The default disk reserve in bytes. On a small disk the reserve is a tenth of the disk.
    pub const DEFAULT_RESERVE_BYTES: u64 = 5_000_000_000;

    /// Returns a gauge of the limits and the free space on the disk of `data_dir`, without the size
    /// of the database.
    pub fn disk_gauge(&self, data_dir: &Path) -> StorageGauge {
        self.gauge(0, disk(data_dir))
    }

    fn gauge(&self, used_bytes: u64, disk: Option<(u64, u64)>) -> StorageGauge {
        StorageGauge {
            used_bytes,
            budget_bytes: self.budget_bytes,
            free_bytes: disk.map(|(free, _)| free),
            reserve_bytes: disk.map_or(self.reserve_bytes, |(_, total)| {
                self.reserve_bytes.min(total / RESERVE_SHARE)
            }),
        }
    }
}

/// The last measured size of the database and its limits. Cheap to clone.
#[derive(Clone)]
pub struct StorageWatch {
    store: Arc<Store>,
    limits: StorageLimits,
    data_dir: Option<PathBuf>,
    gauge: Arc<watch::Sender<StorageGauge>>,
}

impl StorageWatch {
    pub(super) fn start(
        store: Arc<Store>,
        limits: StorageLimits,
        data_dir: Option<PathBuf>,
        mut stopping: watch::Receiver<bool>,
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let watch = Self::new(store, limits, data_dir);
        let watching = watch.clone();
        tasks.spawn(async move {
            let watch = async {
                loop {
                    watching.measure().await;
                    watching.pause().await;
                }
            };
            tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => {}
                () = watch => {}
            }
        });
        watch
    }

    /// Creates a watch that measures only when [`Self::measure`] is called.
    pub fn new(store: Arc<Store>, limits: StorageLimits, data_dir: Option<PathBuf>) -> Self {
        let gauge = StorageGauge {
            budget_bytes: limits.budget_bytes,
            reserve_bytes: limits.reserve_bytes,
            ..StorageGauge::default()
        };
        Self {
            store,
            limits,
            data_dir,
            gauge: Arc::new(watch::Sender::new(gauge)),
        }
    }

    /// Returns the last measurement.
    pub fn gauge(&self) -> StorageGauge {
        *self.gauge.borrow()
    }

    /// Measures now, and stops or resumes ingest. While the database is unavailable, its last size
    /// is used.
    pub async fn measure(&self) -> StorageGauge {
        let before = self.gauge();
        let used = self.store.used_bytes().await;
        let disk = self.data_dir.as_deref().and_then(disk);
        let gauge = self.limits.gauge(used.unwrap_or(before.used_bytes), disk);
        self.gauge.send_replace(gauge);
        let level = gauge.level();
        self.store.set_full(level == StorageLevel::Full);
        report(&gauge);
        if level != before.level() {
            log_level(&gauge, level);
        }
        gauge
    }

    /// Waits for the next measurement: for 5 s, or until the disk is full.
    async fn pause(&self) {
        for _ in 0..LOOKS {
            sleep(LOOK_EVERY).await;
            let is_full = |gauge: &StorageGauge| gauge.level() == StorageLevel::Full;
            if !is_full(&self.gauge())
                && let Some(folder) = &self.data_dir
                && is_full(&self.limits.disk_gauge(folder))
            {
                return;
            }
        }
    }
}

/// Returns the free bytes and all bytes of the disk of `folder`.
#[cfg_attr(
    target_os = "linux",
    expect(
        clippy::useless_conversion,
        reason = "the counts have 32 bits on other systems"
    )
)]
fn disk(folder: &Path) -> Option<(u64, u64)> {
    let stat = nix::sys::statvfs::statvfs(folder).ok()?;
    let block = u64::from(stat.fragment_size());
    let bytes = |blocks: u64| blocks.saturating_mul(block);
    Some((
        bytes(u64::from(stat.blocks_available())),
        bytes(u64::from(stat.blocks())),
    ))
}

fn report(gauge: &StorageGauge) {
    metrics::gauge!("throughline_storage_used_bytes").set(gauge.used_bytes as f64);
    metrics::gauge!("throughline_storage_level").set(f64::from(gauge.level() as u8));
    if let Some(budget) = gauge.budget_bytes {
        metrics::gauge!("throughline_storage_budget_bytes").set(budget as f64);
    }
    if let Some(free) = gauge.free_bytes {
        metrics::gauge!("throughline_storage_free_bytes").set(free as f64);
    }
}

fn log_level(gauge: &StorageGauge, level: StorageLevel) {
    let StorageGauge {
        used_bytes,
        budget_bytes,
        free_bytes,
        reserve_bytes,
    } = *gauge;
    match level {
        StorageLevel::Ok => tracing::info!(used_bytes, "storage has free space again"),
        StorageLevel::Near | StorageLevel::Pruning => tracing::warn!(
            used_bytes,
            budget_bytes,
            free_bytes,
            reserve_bytes,
            "the space for storage is running out"
        ),
        StorageLevel::Full => tracing::error!(
            used_bytes,
            budget_bytes,
            free_bytes,
            reserve_bytes,
            "the space for storage is used up: nothing is stored until there is"
        ),
    }
}
