//! Reads rollups from three sources: stored windows, smaller windows that make up a window that is
//! not stored yet, and the spans of level 0.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::{FromRow, PgConnection};
use throughline_model::{
    ReadError, RetentionRules, Rollup, RollupFilter, RollupGroup, RollupReport, RollupWindow,
};
use throughline_wire::{Resource, SpanKind, UnixNanos};
use uuid::Uuid;

use super::level0::{self, Level0Selection};
use super::stored::StoredWindows;
use super::{Figures, decode_sketches, window_start};
use crate::sqlstate::read_error;

/// The maximum absolute value of the ends of a range, in ns. The ends are clamped to it, so that
/// window arithmetic does not overflow a bigint.
const MAX_END_NS: i64 = 1 << 62;

/// The counts of an operation in a window, as stored.
#[derive(FromRow)]
struct RollupRow {
    start_ns: i64,
    operation_id: i64,
    span_count: i64,
    error_count: i64,
    max_ns: i64,
    sketches: Vec<Vec<u8>>,
}

impl RollupRow {
    fn figures(&self) -> Figures {
        Figures {
            span_count: self.span_count,
            error_count: self.error_count,
            max_ns: self.max_ns,
            sketch: decode_sketches(&self.sketches),
        }
    }
}

#[derive(FromRow)]
struct NamedOperation {
    id: i64,
    service: Option<String>,
    name: String,
    kind: i16,
}

/// The window start and the operation of a group. `None` if the report does not group by it.
type GroupKey = (Option<i64>, Option<i64>);
/// The window start and the service, name and kind of the operation of a group.
type NamedKey = (Option<i64>, Option<(String, String, i16)>);

/// A range of windows of one length. The end is exclusive.
struct WindowRange {
    window: RollupWindow,
    from_ns: i64,
    to_ns: i64,
}

/// Returns the report that `filter` selects at time `now`, in the snapshot of the connection.
/// Ignores spans in level 0 that are older than `rules` allow.
pub(crate) async fn rollups(
    connection: &mut PgConnection,
    tenant: Uuid,
    filter: &RollupFilter,
    now: UnixNanos,
    rules: &RetentionRules,
) -> Result<RollupReport, ReadError> {
    let window_ns = filter.window.length_ns();
    let (from, to) = filter.range.bounds(now);
    let from_ns = window_start(from.get().clamp(-MAX_END_NS, MAX_END_NS), window_ns);
    let to_ns = to.get().clamp(-MAX_END_NS, MAX_END_NS);
    // The last window may end after the range.
    let end_ns = window_start(to_ns.saturating_add(window_ns - 1), window_ns);
    let operations = selected_operations(connection, tenant, filter).await?;
    let stored = StoredWindows::read(connection).await.map_err(read_error)?;
    let selection = Level0Selection {
        tenant,
        window: filter.window,
        from_ns: from_ns.max(stored.oldest_ns(rules)),
        to_ns: end_ns,
        operations: operations.as_deref(),
        // Reads one more than the limit, to know whether groups are left out.
        most: RollupReport::MAX_READ + 1,
    };
    let waiting = level0::count(connection, &selection).await?.into_figures();
    let parts = parts(filter.window, stored, from_ns, end_ns);
    let rows = stored_rows(connection, tenant, &parts, operations.as_deref()).await?;

    let mut keys: BTreeSet<_> = rows
        .iter()
        .map(|row| (row.start_ns, row.operation_id))
        .collect();
    keys.extend(waiting.keys());
    let is_truncated = keys.len() > RollupReport::MAX_READ;
    while keys.len() > RollupReport::MAX_READ {
        keys.pop_first();
    }
    let mut groups: BTreeMap<GroupKey, Figures> = BTreeMap::new();
    let mut add = |(start_ns, operation_id), figures: &Figures| {
        if keys
            .first()
            .is_some_and(|first| (start_ns, operation_id) >= *first)
        {
            let start_ns = (filter.group != RollupGroup::Operation).then_some(start_ns);
            let operation_id = (filter.group != RollupGroup::Window).then_some(operation_id);
            groups
                .entry((start_ns, operation_id))
                .or_default()
                .merge(figures);
        }
    };
    for (key, figures) in &waiting {
        add(*key, figures);
    }
    for row in &rows {
        add((row.start_ns, row.operation_id), &row.figures());
    }
    Ok(RollupReport {
        window: filter.window,
        from: UnixNanos::new(from_ns),
        to: UnixNanos::new(to_ns),
        is_truncated,
        items: named(connection, tenant, groups)
            .await?
            .into_iter()
            .map(rollup)
            .collect(),
    })
}

/// Returns the IDs of the operations that a filter selects. Returns `None` if it selects all.
async fn selected_operations(
    connection: &mut PgConnection,
    tenant: Uuid,
    filter: &RollupFilter,
) -> Result<Option<Vec<i64>>, ReadError> {
    if filter.service.is_none() && filter.operation.is_none() {
        return Ok(None);
    }
    sqlx::query_scalar(include_str!("operation_ids.sql"))
        .bind(tenant)
        .bind(filter.service.as_deref())
        .bind(filter.operation.as_deref())
        .fetch_all(connection)
        .await
        .map(Some)
        .map_err(read_error)
}

/// Splits a range into the stored windows of this length and the smaller windows that make up the
/// rest.
fn parts(
    window: RollupWindow,
    stored: StoredWindows,
    from_ns: i64,
    to_ns: i64,
) -> Vec<WindowRange> {
    let mut begin_ns = from_ns;
    let not_larger = RollupWindow::ALL.into_iter().rev();
    not_larger
        .filter(|part| part.length_ns() <= window.length_ns())
        .map(|window| {
            let from_ns = begin_ns;
            begin_ns = begin_ns.max(stored.before_ns(window).min(to_ns));
            WindowRange {
                window,
                from_ns,
                to_ns: begin_ns,
            }
        })
        .collect()
}

async fn stored_rows(
    connection: &mut PgConnection,
    tenant: Uuid,
    parts: &[WindowRange],
    operations: Option<&[i64]>,
) -> Result<Vec<RollupRow>, ReadError> {
    let Some((whole, smaller)) = parts.split_first() else {
        return Ok(Vec::new());
    };
    sqlx::query_as(include_str!("read_rollups.sql"))
        .bind(tenant)
        .bind(whole.window.seconds())
        .bind(whole.from_ns)
        .bind(whole.to_ns)
        .bind(
            smaller
                .iter()
                .map(|part| part.window.seconds())
                .collect::<Vec<_>>(),
        )
        .bind(smaller.iter().map(|part| part.from_ns).collect::<Vec<_>>())
        .bind(smaller.iter().map(|part| part.to_ns).collect::<Vec<_>>())
        .bind(whole.window.length_ns())
        .bind(operations)
        .bind(RollupReport::MAX_READ as i64 + 1)
        .fetch_all(connection)
        .await
        .map_err(read_error)
}

/// Returns the groups in the order of their names.
async fn named(
    connection: &mut PgConnection,
    tenant: Uuid,
    groups: BTreeMap<GroupKey, Figures>,
) -> Result<BTreeMap<NamedKey, Figures>, ReadError> {
    let ids: BTreeSet<i64> = groups.keys().filter_map(|(_, id)| *id).collect();
    let names: Vec<NamedOperation> = sqlx::query_as(include_str!("operation_names.sql"))
        .bind(tenant)
        .bind(ids.into_iter().collect::<Vec<_>>())
        .fetch_all(connection)
        .await
        .map_err(read_error)?;
    let names: HashMap<i64, NamedOperation> =
        names.into_iter().map(|name| (name.id, name)).collect();
    let mut named: BTreeMap<NamedKey, Figures> = BTreeMap::new();
    for ((start_ns, id), figures) in groups {
        let operation = id.map(|id| {
            let known = names.get(&id);
            let service = known.and_then(|operation| operation.service.as_deref());
            (
                service.unwrap_or(Resource::UNKNOWN_SERVICE).to_owned(),
                known
                    .map_or("unknown operation", |name| &name.name)
                    .to_owned(),
                known.map_or(0, |operation| operation.kind),
            )
        });
        named
            .entry((start_ns, operation))
            .or_default()
            .merge(&figures);
    }
    Ok(named)
}

fn rollup(((start_ns, operation), figures): (NamedKey, Figures)) -> Rollup {
    // The result of the sketch can be slightly above the actual maximum.
    let percentile = |share| {
        let quantile_ns = figures.sketch.quantile(share).unwrap_or_default();
        quantile_ns.min(figures.max_ns)
    };
    let (service, operation, kind) = operation
        .map(|(service, operation, kind)| (service, operation, SpanKind::from_code(kind.into())))
        .map_or((None, None, None), |(service, operation, kind)| {
            (Some(service), Some(operation), Some(kind))
        });
    Rollup {
        start: start_ns.map(UnixNanos::new),
        service,
        operation,
        kind,
        span_count: figures.span_count.unsigned_abs(),
        error_count: figures.error_count.unsigned_abs(),
        p50_ns: percentile(0.5),
        p95_ns: percentile(0.95),
        p99_ns: percentile(0.99),
        max_ns: figures.max_ns,
    }
}
