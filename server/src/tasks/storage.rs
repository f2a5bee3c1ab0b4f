//! Watches the size of the database, warns, and stops ingest before the disk is full.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use throughline_model::{SpaceUse, StorageGauge, StorageLevel};
use throughline_store::Store;
use throughline_viz::format_bytes;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// The pause between two looks at the free space of the disk, which cost little.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The number of looks between two measurements of the database.
const LOOKS: u32 = 10;
/// The interval at which the use of the space is measured, which reads a sample of the rows, while
/// the budget is nearly used.
const SPACE_EVERY: Duration = Duration::from_secs(30);
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
            reusable_bytes: 0,
            budget_bytes: self.budget_bytes,
            free_bytes: disk.map(|(free, _)| free),
            reserve_bytes: disk.map_or(self.reserve_bytes, |(_, total)| {
                self.reserve_bytes.min(total / RESERVE_SHARE)
            }),
        }
    }
}

/// A measurement of the database.
#[derive(Debug, Clone, Default)]
struct Measured {
    gauge: StorageGauge,
    /// The reason why retention removes nothing by age.
    refusal: Option<String>,
    /// The use of the space, and the time of its measurement; `None` while there is enough space.
    space: Option<(SpaceUse, Instant)>,
}

impl Measured {
    /// Returns what takes the space if nothing that may be removed early helps.
    fn stuck(&self) -> Option<SpaceUse> {
        let (space, _) = self.space?;
        self.gauge.is_stuck(space.prunable_bytes).then_some(space)
    }
}

/// The last measured size of the database and its limits. Cheap to clone.
#[derive(Clone)]
pub struct StorageWatch {
    store: Arc<Store>,
    limits: StorageLimits,
    data_dir: Option<PathBuf>,
    measured: Arc<watch::Sender<Measured>>,
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
        let measured = Measured {
            gauge: limits.gauge(0, None),
            ..Measured::default()
        };
        Self {
            store,
            limits,
            data_dir,
            measured: Arc::new(watch::Sender::new(measured)),
        }
    }

    /// Returns the last measurement.
    pub fn gauge(&self) -> StorageGauge {
        self.measured.borrow().gauge
    }

    /// Returns a warning if the space for storage is running out, or retention removes nothing.
    pub fn warning(&self) -> Option<String> {
        warning(&self.measured.borrow())
    }

    /// Measures now, and stops or resumes ingest. While the database is unavailable, its last size
    /// is used.
    pub async fn measure(&self) -> StorageGauge {
        let before = self.measured.borrow().clone();
        let used = self.store.used_bytes().await;
        let disk = self.data_dir.as_deref().and_then(disk);
        let used_bytes = used.unwrap_or(before.gauge.used_bytes);
        let mut now = Measured {
            gauge: self.limits.gauge(used_bytes, disk),
            refusal: self.store.retention_refusal().await.unwrap_or_default(),
            space: None,
        };
        if now.gauge.budget_level() >= StorageLevel::Near {
            now.space = self.space(before.space).await;
            let space = now.space.map(|(space, _)| space).unwrap_or_default();
            now.gauge.reusable_bytes = space.reusable_bytes;
        }
        let gauge = now.gauge;
        let level = gauge.level();
        self.store.set_full(level == StorageLevel::Full);
        report(&gauge);
        if level != before.gauge.level() {
            log_level(&gauge, level);
        }
        if let Some(space) = now.stuck().filter(|_| before.stuck().is_none()) {
            tracing::error!("{}", describe_stuck(&space));
        }
        self.measured.send_replace(now);
        gauge
    }

    /// Measures what takes the space, unless the last measurement is young.
    async fn space(&self, last: Option<(SpaceUse, Instant)>) -> Option<(SpaceUse, Instant)> {
        if last.is_some_and(|(_, at)| at.elapsed() < SPACE_EVERY) {
            return last;
        }
        match self.store.space_use().await {
            Ok(space) => Some((space, Instant::now())),
            Err(error) => {
                tracing::debug!(%error, "cannot measure what takes the space");
                last
            }
        }
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

fn warning(measured: &Measured) -> Option<String> {
    let gauge = &measured.gauge;
    let budget = match gauge.budget_level() {
        StorageLevel::Pruning if measured.stuck().is_none() => {
            Some("the storage budget is nearly used up: retention removes the oldest data")
        }
        StorageLevel::Full => Some("the storage budget is used up: ingest responds 503"),
        _ => None,
    };
    let disk = match gauge.disk_level() {
        StorageLevel::Full => {
            Some("the disk has less free space than the reserve: ingest responds 503")
        }
        _ => None,
    };
    let near =
        (gauge.level() >= StorageLevel::Near).then_some("the space for storage is running out");
    let stuck = measured.stuck().map(|space| describe_stuck(&space));
    let refusal = measured.refusal.as_ref();
    let refusal = refusal.map(|reason| format!("retention removes nothing by age: {reason}"));
    let said: Vec<String> = [budget, disk]
        .into_iter()
        .flatten()
        .map(str::to_owned)
        .chain(stuck)
        .chain(refusal)
        .collect();
    if said.is_empty() {
        near.map(str::to_owned)
    } else {
        Some(said.join("; "))
    }
}

/// Says that retention cannot help, and what takes the space.
fn describe_stuck(space: &SpaceUse) -> String {
    let mut parts = space.parts();
    parts.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let parts: Vec<String> = parts
        .iter()
        .filter(|(_, bytes)| *bytes > 0)
        .map(|(name, bytes)| format!("{name} {}", format_bytes(*bytes)))
        .collect();
    format!(
        "retention removes nothing early, because all that it may remove ({}) would not bring the \
         database below its budget; raise --storage-budget; the space is used by: {}",
        format_bytes(space.prunable_bytes),
        parts.join(", ")
    )
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
    metrics::gauge!("throughline_storage_reusable_bytes").set(gauge.reusable_bytes as f64);
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
        reusable_bytes,
        budget_bytes,
        free_bytes,
        reserve_bytes,
    } = *gauge;
    match level {
        StorageLevel::Ok => tracing::info!(used_bytes, "storage has free space again"),
        StorageLevel::Near | StorageLevel::Pruning => tracing::warn!(
            used_bytes,
            reusable_bytes,
            budget_bytes,
            free_bytes,
            reserve_bytes,
            "the space for storage is running out"
        ),
        StorageLevel::Full => tracing::error!(
            used_bytes,
            reusable_bytes,
            budget_bytes,
            free_bytes,
            reserve_bytes,
            "the space for storage is used up: nothing is stored until there is"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(used_bytes: u64, prunable_bytes: u64, free_bytes: u64) -> Measured {
        let space = SpaceUse {
            dictionaries_bytes: 7_000,
            rollups_bytes: 2_000_000,
            prunable_bytes,
            ..SpaceUse::default()
        };
        Measured {
            gauge: StorageGauge {
                used_bytes,
                reusable_bytes: 0,
                budget_bytes: Some(1_000),
                free_bytes: Some(free_bytes),
                reserve_bytes: 100,
            },
            refusal: None,
            space: Some((space, Instant::now())),
        }
    }

    #[test]
    fn a_warning_says_which_limit_is_reached_and_what_takes_the_space_if_nothing_helps() {
        let text = |used, prunable, free| warning(&measured(used, prunable, free));
        assert_eq!(text(799, 0, 200), None);
        let near = Some("the space for storage is running out".to_owned());
        assert_eq!(text(800, 0, 200), near);
        assert_eq!(text(0, 0, 199), near);
        let refused = Measured {
            refusal: Some("the clock is wrong".to_owned()),
            ..measured(0, 0, 200)
        };
        let refused = warning(&refused).expect("a warning");
        assert!(
            refused.contains("nothing by age: the clock is wrong"),
            "{refused}"
        );
        for (used, prunable, free, parts) in [
            (850, 100, 200, ["budget is nearly used up", "oldest data"]),
            (900, 100, 200, ["budget is used up", "503"]),
            (0, 0, 99, ["disk has less free space", "503"]),
            (
                850,
                0,
                200,
                [
                    "removes nothing early",
                    "rollups 2.0 MB, dictionaries 7.0 kB",
                ],
            ),
            (950, 10, 200, ["503", "rollups 2.0 MB, dictionaries 7.0 kB"]),
        ] {
            let text = text(used, prunable, free).expect("a warning");
            for part in parts {
                assert!(text.contains(part), "{part} is missing in {text}");
            }
            assert_eq!(
                text.contains("raise --storage-budget"),
                used >= 850 && prunable < 100
            );
        }
    }
}
