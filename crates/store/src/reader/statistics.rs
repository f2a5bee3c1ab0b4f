//! Computes statistics of the traces that a filter selects.

use std::collections::HashMap;
use std::sync::Arc;

use throughline_model::{Direction, OperationRow, ReadError, TimeBucket, TraceStatistics, UserRow};
use throughline_wire::UnixNanos;

use super::context::ReadContext;
use super::{dictionary, dropped_spans};
use crate::ids;
use crate::search::{End, From, RowSelection, ScanPlan, Search, SearchLimits, TraceRow};

/// The maximum number of traces in the statistics. They take about 100 MB of memory.
const MOST_TRACES: usize = 1_000_000;

/// Returns the statistics of the traces that were found within the time budget.
pub(super) async fn statistics(
    context: &mut ReadContext<'_>,
    selection: RowSelection<'_>,
    plan: Arc<ScanPlan>,
    limits: SearchLimits,
) -> Result<TraceStatistics, ReadError> {
    let mut figures = TracesByField::new(selection.from_ns, selection.to_ns);
    let from = From {
        direction: Direction::After,
        position: None,
    };
    let mut last_ns = selection.to_ns;
    let mut search = Search::new(context.connection, selection, plan, from, limits);
    let outcome = search
        .run(&mut |row, _| {
            figures.add(row);
            last_ns = row.start_ns;
            figures.all.durations.len() < MOST_TRACES
        })
        .await?;
    let service = selection
        .filter
        .and_then(|filter| filter.service.as_deref());
    let service = service.map(|service| vec![ids::service(service)]);
    let range = (selection.from_ns, selection.to_ns);
    let dropped = dropped_spans::read(context, range, service).await?;
    let roots = figures.by_root.keys().copied();
    let names = dictionary::operations(context, roots).await?;
    let mut statistics = figures.finish(|id| {
        let operation = names.get(&id)?;
        Some((operation.service().to_owned(), operation.name.clone()))
    });
    statistics.dropped = dropped;
    statistics.searched_to = match outcome.end {
        End::Whole => None,
        End::Full => Some(UnixNanos::new(last_ns)),
        End::Stopped((start_ns, _)) => Some(UnixNanos::new(start_ns)),
    };
    Ok(statistics)
}

/// A group of traces.
#[derive(Debug, Default)]
struct TraceGroup {
    durations: Vec<i64>,
    error_count: u64,
    last_start_ns: i64,
}

impl TraceGroup {
    fn new() -> Self {
        Self {
            last_start_ns: i64::MIN,
            ..Self::default()
        }
    }

    fn add(&mut self, row: &TraceRow) {
        self.durations.push(row.end_ns.saturating_sub(row.start_ns));
        self.error_count += u64::from(row.has_error);
        self.last_start_ns = self.last_start_ns.max(row.start_ns);
    }

    fn merge(&mut self, other: Self) {
        self.durations.extend(other.durations);
        self.error_count += other.error_count;
        self.last_start_ns = self.last_start_ns.max(other.last_start_ns);
    }

    fn trace_count(&self) -> u64 {
        self.durations.len() as u64
    }

    /// Returns the percentile of the durations by nearest rank. The durations must be sorted.
    fn percentile(&self, per_cent: usize) -> Option<i64> {
        let position = (self.durations.len() * per_cent).div_ceil(100).max(1) - 1;
        self.durations.get(position).copied()
    }
}

/// The traces, grouped by each field of the statistics.
struct TracesByField {
    from_ns: i64,
    to_ns: i64,
    bucket_ns: i64,
    all: TraceGroup,
    buckets: Vec<TraceGroup>,
    by_root: HashMap<i64, TraceGroup>,
    by_user: HashMap<String, TraceGroup>,
}

impl TracesByField {
    fn new(from_ns: i64, to_ns: i64) -> Self {
        let buckets = TraceStatistics::BUCKETS;
        let range = to_ns.saturating_sub(from_ns).max(1).unsigned_abs();
        Self {
            from_ns,
            to_ns,
            bucket_ns: range.div_ceil(buckets as u64) as i64,
            all: TraceGroup::new(),
            buckets: (0..buckets).map(|_| TraceGroup::new()).collect(),
            by_root: HashMap::new(),
            by_user: HashMap::new(),
        }
    }

    fn add(&mut self, row: &TraceRow) {
        self.all.add(row);
        let bucket = row.start_ns.saturating_sub(self.from_ns) / self.bucket_ns;
        let bucket = usize::try_from(bucket).ok();
        if let Some(bucket) = bucket.and_then(|bucket| self.buckets.get_mut(bucket)) {
            bucket.add(row);
        }
        let root = self.by_root.entry(row.root_operation_id);
        root.or_default().add(row);
        if let Some(user) = &row.user_id {
            if let Some(group) = self.by_user.get_mut(user) {
                group.add(row);
            } else {
                let mut group = TraceGroup::new();
                group.add(row);
                self.by_user.insert(user.clone(), group);
            }
        }
    }

    fn finish(self, name: impl Fn(i64) -> Option<(String, String)>) -> TraceStatistics {
        let mut by_name: HashMap<(String, String), TraceGroup> = HashMap::new();
        for (root, group) in self.by_root {
            if let Some(name) = name(root) {
                by_name.entry(name).or_default().merge(group);
            }
        }
        let by_operation = most(by_name)
            .into_iter()
            .map(|((service, operation), group)| OperationRow {
                service,
                operation,
                trace_count: group.trace_count(),
                error_count: group.error_count,
                p50_ns: group.percentile(50).unwrap_or_default(),
                p95_ns: group.percentile(95).unwrap_or_default(),
                max_ns: group.percentile(100).unwrap_or_default(),
            });
        let by_user = most(self.by_user).into_iter().map(|(user, group)| UserRow {
            user,
            trace_count: group.trace_count(),
            error_count: group.error_count,
            p95_ns: group.percentile(95).unwrap_or_default(),
            last_seen: UnixNanos::new(group.last_start_ns),
        });
        let from = UnixNanos::new(self.from_ns);
        let bucket_ns = self.bucket_ns;
        let buckets = self.buckets.into_iter().zip(0..).map(|(mut group, at)| {
            group.durations.sort_unstable();
            TimeBucket {
                start: from.saturating_add(at * bucket_ns),
                trace_count: group.trace_count(),
                error_count: group.error_count,
                p50_ns: group.percentile(50),
                p95_ns: group.percentile(95),
                max_ns: group.percentile(100),
            }
        });
        let mut all = self.all;
        all.durations.sort_unstable();
        TraceStatistics {
            from,
            to: UnixNanos::new(self.to_ns),
            trace_count: all.trace_count(),
            error_count: all.error_count,
            p50_ns: all.percentile(50),
            p95_ns: all.percentile(95),
            max_ns: all.percentile(100),
            searched_to: None,
            dropped: Vec::new(),
            buckets: buckets.collect(),
            by_operation: by_operation.collect(),
            by_user: by_user.collect(),
        }
    }
}

/// Returns the groups with the most traces, with sorted durations. Groups of equal size are in the
/// order of their names.
fn most<K: Ord>(groups: HashMap<K, TraceGroup>) -> Vec<(K, TraceGroup)> {
    let mut groups: Vec<(K, TraceGroup)> = groups.into_iter().collect();
    groups.sort_unstable_by(|(name, group), (other_name, other)| {
        let by_count = other.trace_count().cmp(&group.trace_count());
        by_count.then_with(|| name.cmp(other_name))
    });
    groups.truncate(TraceStatistics::MAX_ROWS);
    for (_, group) in &mut groups {
        group.durations.sort_unstable();
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_buckets_cover_any_range() {
        for (from_ns, to_ns) in [(0, 1), (0, 60), (0, 61), (-5, 119), (-1 << 62, 1 << 62)] {
            let figures = TracesByField::new(from_ns, to_ns);
            let last = (to_ns - 1 - from_ns) / figures.bucket_ns;
            assert!(last < TraceStatistics::BUCKETS as i64, "{from_ns}..{to_ns}");
        }
    }
}
