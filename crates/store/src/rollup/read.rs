//! Reads rollups: folded windows and what waits to be folded, merged.

use std::collections::BTreeMap;

use sqlx::{FromRow, PgConnection};
use throughline_model::{ReadError, Rollup, RollupFilter, RollupGroup, RollupReport};
use throughline_wire::{Resource, SpanKind, UnixNanos};
use uuid::Uuid;

use super::{Figures, decode_sketch, window_start};
use crate::sqlstate::read_error;

/// Ends of a range beyond this are moved here, so that window arithmetic stays within a bigint.
const FAR_NS: i64 = 1 << 62;

#[derive(FromRow)]
struct Row {
    start_ns: i64,
    service: Option<String>,
    operation: Option<String>,
    kind: i16,
    span_count: i64,
    error_count: i64,
    max_ns: i64,
    sketch: Vec<u8>,
}

/// What rows are merged by; absent parts are not told apart.
type Key = (Option<i64>, Option<(String, String, i16)>);

impl Row {
    fn key(&self, group: RollupGroup) -> Key {
        let start = (group != RollupGroup::Operation).then_some(self.start_ns);
        let operation = (group != RollupGroup::Window).then(|| {
            let service = self.service.clone();
            let name = self.operation.clone();
            (
                service.unwrap_or_else(|| Resource::UNKNOWN_SERVICE.to_owned()),
                name.unwrap_or_else(|| "unknown operation".to_owned()),
                self.kind,
            )
        });
        (start, operation)
    }
}

/// What `filter` selects when it is `now`.
pub(crate) async fn rollups(
    connection: &mut PgConnection,
    tenant: Uuid,
    filter: &RollupFilter,
    now: UnixNanos,
) -> Result<RollupReport, ReadError> {
    let window_ns = filter.window.length_ns();
    let (from, to) = filter.range.bounds(now);
    let from_ns = window_start(from.get().clamp(-FAR_NS, FAR_NS), window_ns);
    let to_ns = to.get().clamp(-FAR_NS, FAR_NS);
    let mut rows: Vec<Row> = sqlx::query_as(include_str!("read_rollups.sql"))
        .bind(tenant)
        .bind(filter.window.seconds())
        .bind(from_ns)
        .bind(to_ns)
        .bind(window_ns)
        .bind(filter.service.as_deref())
        .bind(filter.operation.as_deref())
        .bind(RollupReport::MAX_READ as i64 + 1)
        .fetch_all(connection)
        .await
        .map_err(read_error)?;
    let is_truncated = rows.len() > RollupReport::MAX_READ;
    rows.truncate(RollupReport::MAX_READ);
    let mut merged: BTreeMap<Key, Figures> = BTreeMap::new();
    for row in rows {
        merged
            .entry(row.key(filter.group))
            .or_default()
            .merge(&Figures {
                span_count: row.span_count,
                error_count: row.error_count,
                max_ns: row.max_ns,
                sketch: decode_sketch(&row.sketch),
            });
    }
    Ok(RollupReport {
        window: filter.window,
        from: UnixNanos::new(from_ns),
        to: UnixNanos::new(to_ns),
        is_truncated,
        items: merged.into_iter().map(rollup).collect(),
    })
}

fn rollup(((start_ns, operation), figures): (Key, Figures)) -> Rollup {
    // The sketch may say a little more than there was.
    let percentile = |share| {
        let told = figures.sketch.quantile(share).unwrap_or_default();
        told.min(figures.max_ns)
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
