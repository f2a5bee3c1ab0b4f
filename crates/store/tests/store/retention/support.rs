//! A fixture of traces of many ages, and queries for the remaining data.

use std::collections::BTreeSet;

use sqlx::AssertSqlSafe;
use throughline_model::{RetentionReport, RetentionRules, TimeRange, TraceFilter};
use throughline_store::testing::no_limit;
use throughline_store::{JobKind, LeaderLock, Retain, Rewrite, SpanGroup, StoreError, WriteBatch};
use throughline_testkit::{Ids, Sent};
use throughline_wire::{LogRecord, TenantId, TraceId, UnixNanos};
use uuid::Uuid;

use crate::support::{Fixture, lone};

pub(super) const DAY: i64 = UnixNanos::PER_DAY;

/// A store whose traces all began at noon, some days ago.
pub(super) struct Aged {
    pub(super) fixture: Fixture,
    /// Noon of today.
    pub(super) noon: UnixNanos,
    pub(super) ids: Ids,
}

impl Aged {
    pub(super) async fn new() -> Self {
        let fixture = Fixture::new().await;
        let midnight = fixture.now.get() - fixture.now.get().rem_euclid(DAY);
        let noon = UnixNanos::new(midnight + DAY / 2);
        Self {
            fixture,
            noon,
            ids: Ids::seeded(9),
        }
    }

    /// Stores a trace of two spans, failed or not, that arrived at its end.
    pub(super) async fn trace(&mut self, days_ago: i64, is_error: bool) -> TraceId {
        let trace_id = self.imported(days_ago, is_error).await;
        self.came_at_once(trace_id).await;
        trace_id
    }

    /// Sets the arrival of the trace to its end, for traces that are not compacted.
    pub(super) async fn came_at_once(&self, trace_id: TraceId) {
        sqlx::query("UPDATE traces SET received_ns = end_ns WHERE trace_id = $1")
            .bind(Uuid::from_bytes(trace_id.to_bytes()))
            .execute(&mut self.fixture.database.connection().await)
            .await
            .expect("updates");
        self.blocks_came_at_once(trace_id).await;
    }

    /// Sets the arrival of each block of the trace to the end of its spans.
    pub(super) async fn blocks_came_at_once(&self, trace_id: TraceId) {
        let aged = sqlx::query(
            "UPDATE level0_blocks SET received_day = last_end_ns / 86400000000000
             WHERE trace_ids @> ARRAY[$1]",
        )
        .bind(Uuid::from_bytes(trace_id.to_bytes()))
        .execute(&mut self.fixture.database.connection().await)
        .await
        .expect("updates");
        assert!(aged.rows_affected() > 0, "is in level 0");
    }

    /// Moves all spans to level 1.
    pub(super) async fn compact(&self) {
        self.fixture.store.compact_once().await.expect("compacts");
        let left = "SELECT count(*) FROM level0_blocks";
        assert_eq!(self.fixture.count(left).await, 0);
    }

    /// Pins the trace.
    pub(super) async fn pin(&self, trace_id: TraceId) {
        self.execute(&format!(
            "INSERT INTO pins SELECT tenant_id, trace_id, 0, '' FROM traces
             WHERE trace_id = '{trace_id}'"
        ))
        .await;
    }

    /// Removes all pins.
    pub(super) async fn unpin(&self) {
        self.execute("DELETE FROM pins").await;
    }

    /// Stores log records as the writer does.
    pub(super) async fn write_events(&self, events: Vec<LogRecord>) {
        let group = SpanGroup {
            events,
            ..SpanGroup::default()
        };
        let batch = WriteBatch {
            tenant: TenantId::DEFAULT,
            groups: vec![group],
        };
        let outcome = self.fixture.store.writer().submit(batch).await;
        assert_eq!(outcome.expect("is stored").events.rejected, []);
    }

    /// Stores a trace of two spans, failed or not, that arrives now.
    pub(super) async fn imported(&mut self, days_ago: i64, is_error: bool) -> TraceId {
        let start = self.noon.saturating_add(-days_ago * DAY);
        let mut root = lone("root", &mut self.ids).starts(start);
        if is_error {
            root = root.error("broken");
        }
        let root = root.build();
        let child = lone("child", &mut self.ids).starts(start).child_of(&root);
        let trace_id = root.trace_id;
        let sent = [Sent::by("shop", root), Sent::by("shop", child.build())];
        assert_eq!(self.fixture.write(&sent).await.received, 2);
        trace_id
    }

    /// Stores a log record, with or without a trace, that arrived at its own time.
    pub(super) async fn event(&self, days_ago: i64, trace_id: Option<TraceId>, severity: i16) {
        self.late_event(days_ago, days_ago, trace_id, severity)
            .await;
    }

    /// Stores a log record that arrived this number of days ago.
    pub(super) async fn late_event(
        &self,
        days_ago: i64,
        received_days_ago: i64,
        trace_id: Option<TraceId>,
        severity: i16,
    ) {
        let received = self.noon.saturating_add(-received_days_ago * DAY);
        let at = self.noon.saturating_add(-days_ago * DAY);
        sqlx::query("SELECT ensure_day_partitions($1)")
            .bind(at.get() - at.get().rem_euclid(DAY))
            .execute(&mut self.fixture.database.connection().await)
            .await
            .expect("makes partitions");
        sqlx::query(
            "INSERT INTO events
                 (tenant_id, trace_id, at_ns, received_ns, digest, resource_id, scope_id, severity)
             VALUES ($1, $2, $3, $6, $4, 1, 1, $5)",
        )
        .bind(tenant())
        .bind(trace_id.map(|id| Uuid::from_bytes(id.to_bytes())))
        .bind(at.get())
        .bind(i64::from(severity) + trace_id.map_or(0, |_| 100))
        .bind(severity)
        .bind(received.get())
        .execute(&mut self.fixture.database.connection().await)
        .await
        .expect("inserts");
    }

    pub(super) async fn lead(&self) -> LeaderLock {
        let lead = self
            .fixture
            .store
            .try_lead(JobKind::Retain)
            .await
            .expect("asks");
        lead.expect("nobody else does it")
    }

    pub(super) async fn try_run(&self, retain: Retain) -> Result<RetentionReport, StoreError> {
        let mut lead = self.lead().await;
        let report = lead.retain(retain, &no_limit()).await;
        lead.release().await;
        report
    }

    pub(super) async fn run(&self, retain: Retain) -> RetentionReport {
        self.try_run(retain).await.expect("runs")
    }

    /// Returns the settings of a run now with the default rules.
    pub(super) fn now(&self) -> Retain {
        Retain {
            rules: RetentionRules::default(),
            now: self.noon,
            trusts_clock: true,
            rewrite: Rewrite::Now,
            is_dry_run: false,
        }
    }

    /// Returns the traces that have a row.
    pub(super) async fn listed(&self) -> BTreeSet<TraceId> {
        let filter = TraceFilter {
            range: TimeRange::Between(UnixNanos::new(0), self.noon.saturating_add(2 * DAY)),
            ..TraceFilter::default()
        };
        let listed = self.fixture.list(&filter).await;
        listed.into_iter().map(|trace| trace.trace_id).collect()
    }

    /// Returns the traces that have spans in blocks, listed or not.
    pub(super) async fn stored_spans(&self) -> BTreeSet<TraceId> {
        self.stored(
            "(SELECT unnest(trace_ids) AS trace_id FROM level0_blocks
              UNION SELECT unnest(trace_ids) FROM level1_blocks) AS block",
        )
        .await
    }

    /// Returns the traces that have rows in a table.
    pub(super) async fn stored(&self, table: &str) -> BTreeSet<TraceId> {
        let sql = format!("SELECT DISTINCT trace_id FROM {table} WHERE trace_id IS NOT NULL");
        let ids: Vec<Uuid> = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_all(&mut self.fixture.database.connection().await)
            .await
            .expect("reads");
        ids.into_iter()
            .map(|id| TraceId::from_bytes(id.into_bytes()).expect("an id"))
            .collect()
    }

    /// Asserts that both spans of these traces are stored, and no others.
    pub(super) async fn assert_left(&self, left: &[TraceId]) {
        let left: BTreeSet<_> = left.iter().copied().collect();
        assert_eq!(self.listed().await, left);
        assert_eq!(self.stored_spans().await, left);
        for trace_id in left {
            assert_eq!(self.fixture.trace(trace_id).await.spans.len(), 2);
        }
    }

    pub(super) async fn execute(&self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(&mut self.fixture.database.connection().await)
            .await
            .expect("executes");
    }

    /// Returns the partitions of spans.
    pub(super) async fn span_partitions(&self) -> i64 {
        self.fixture
            .count("SELECT count(*) FROM pg_inherits WHERE inhparent = 'level1_blocks'::regclass")
            .await
    }
}

pub(super) fn tenant() -> Uuid {
    Uuid::from_bytes(TenantId::DEFAULT.to_bytes())
}
