//! Figures over the traces a filter selects, from the directory or a sample of it.

use sqlx::{FromRow, PgConnection};
use throughline_model::{OperationRow, ReadError, TimeBucket, TraceStatistics, UserRow};
use throughline_wire::UnixNanos;

use super::compile::{Sample, Selection};
use super::list;
use super::reach::{LEAST_SAMPLED, Part, Reach};
use crate::sqlstate::read_error;

/// A row of `statistics.sql`.
#[derive(FromRow)]
struct Row {
    section: i16,
    bucket: Option<i64>,
    service: Option<String>,
    name: Option<String>,
    trace_count: i64,
    error_count: i64,
    percentiles: Option<Vec<i64>>,
    max_ns: Option<i64>,
    last_start_ns: Option<i64>,
}

impl Row {
    fn percentile(&self, at: usize) -> Option<i64> {
        self.percentiles.as_ref()?.get(at).copied()
    }
}

impl From<Row> for OperationRow {
    fn from(row: Row) -> Self {
        Self {
            trace_count: row.trace_count.unsigned_abs(),
            error_count: row.error_count.unsigned_abs(),
            p50_ns: row.percentile(0).unwrap_or_default(),
            p95_ns: row.percentile(1).unwrap_or_default(),
            max_ns: row.max_ns.unwrap_or_default(),
            service: row.service.unwrap_or_default(),
            operation: row.name.unwrap_or_default(),
        }
    }
}

impl From<Row> for UserRow {
    fn from(row: Row) -> Self {
        Self {
            trace_count: row.trace_count.unsigned_abs(),
            error_count: row.error_count.unsigned_abs(),
            p95_ns: row.percentile(1).unwrap_or_default(),
            last_seen: UnixNanos::new(row.last_start_ns.unwrap_or_default()),
            user: row.name.unwrap_or_default(),
        }
    }
}

/// Traces whose figures are computed exactly, at most, and that are looked at when a sample says
/// too little.
const EXACT_TRACES: u64 = 1_000;

/// The figures: exact where a condition that an index answers leaves few enough traces, else from a
/// sample, or when that has too few, over the newest; of what is searched for, over the traces
/// looked at.
pub(super) async fn statistics(
    connection: &mut PgConnection,
    selection: &Selection<'_>,
) -> Result<TraceStatistics, ReadError> {
    if selection.is_searched() {
        let mut statistics = computed(connection, selection, Sample::All).await?;
        let stopped = list::search_stopped(connection, selection, None).await?;
        statistics.searched_to = stopped.map(|cursor| cursor.start);
        return Ok(statistics);
    }
    let mut reach = Reach::of(selection, EXACT_TRACES);
    let mut estimated = None;
    let beyond_ns = match reach.first(connection, selection).await? {
        Part::All => None,
        Part::Sample(sample) => {
            let estimate = sampled(connection, selection, sample).await?;
            if estimate.sampled >= Some(LEAST_SAMPLED) {
                return Ok(estimate);
            }
            estimated = Some(estimate);
            reach.newest(connection, selection).await?
        }
        Part::Newest => reach.newest(connection, selection).await?,
    };
    let Some(beyond_ns) = beyond_ns else {
        return computed(connection, selection, Sample::All).await;
    };
    let mut newest = computed(connection, &selection.after(beyond_ns), Sample::All).await?;
    newest.searched_to = Some(UnixNanos::new(beyond_ns).saturating_add(1));
    // What has seen more says more.
    let estimated = estimated.filter(|estimate| estimate.sampled > Some(newest.trace_count));
    Ok(estimated.unwrap_or(newest))
}

async fn sampled(
    connection: &mut PgConnection,
    selection: &Selection<'_>,
    sample: Sample,
) -> Result<TraceStatistics, ReadError> {
    let mut statistics = computed(connection, selection, sample).await?;
    statistics.sampled = Some(statistics.trace_count);
    scale(&mut statistics, sample.one_in());
    Ok(statistics)
}

/// Counts of a sample as those of the whole.
fn scale(statistics: &mut TraceStatistics, by: u64) {
    statistics.trace_count *= by;
    statistics.error_count *= by;
    for bucket in &mut statistics.buckets {
        bucket.trace_count *= by;
        bucket.error_count *= by;
    }
    for row in &mut statistics.by_operation {
        row.trace_count *= by;
        row.error_count *= by;
    }
    for row in &mut statistics.by_user {
        row.trace_count *= by;
        row.error_count *= by;
    }
}

async fn computed(
    connection: &mut PgConnection,
    selection: &Selection<'_>,
    sample: Sample,
) -> Result<TraceStatistics, ReadError> {
    let rows: Vec<Row> = selection
        .statistics(sample)
        .build_query_as()
        .fetch_all(connection)
        .await
        .map_err(read_error)?;
    let mut statistics = empty(selection);
    for row in rows {
        match row.section {
            0 => {
                statistics.trace_count = row.trace_count.unsigned_abs();
                statistics.error_count = row.error_count.unsigned_abs();
                statistics.p50_ns = row.percentile(0);
                statistics.p95_ns = row.percentile(1);
                statistics.max_ns = row.max_ns;
            }
            1 => {
                let at = row.bucket.and_then(|bucket| usize::try_from(bucket).ok());
                if let Some(bucket) = at.and_then(|at| statistics.buckets.get_mut(at)) {
                    bucket.trace_count = row.trace_count.unsigned_abs();
                    bucket.error_count = row.error_count.unsigned_abs();
                    bucket.p50_ns = row.percentile(0);
                    bucket.p95_ns = row.percentile(1);
                    bucket.max_ns = row.max_ns;
                }
            }
            2 => statistics.by_operation.push(row.into()),
            _ => statistics.by_user.push(row.into()),
        }
    }
    Ok(statistics)
}

/// No traces at all, all stretches there.
fn empty(selection: &Selection<'_>) -> TraceStatistics {
    let from = UnixNanos::new(selection.first_ns());
    let bucket_ns = selection.bucket_ns();
    TraceStatistics {
        from,
        to: UnixNanos::new(selection.end_ns()),
        trace_count: 0,
        error_count: 0,
        p50_ns: None,
        p95_ns: None,
        max_ns: None,
        sampled: None,
        searched_to: None,
        buckets: (0..TraceStatistics::BUCKETS as i64)
            .map(|at| TimeBucket {
                start: from.saturating_add(at * bucket_ns),
                trace_count: 0,
                error_count: 0,
                p50_ns: None,
                p95_ns: None,
                max_ns: None,
            })
            .collect(),
        by_operation: Vec::new(),
        by_user: Vec::new(),
    }
}
