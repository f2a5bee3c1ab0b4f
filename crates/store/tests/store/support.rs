//! A fixture: a store on a fresh database, with helpers for tests.

use std::sync::Arc;
use std::time::Duration;

use throughline_model::{
    Cursor, Direction, PageRequest, Trace, TraceFilter, TraceReader, TraceSummary,
};
use throughline_store::testing::FreshDatabase;
use throughline_store::{SpanGroup, Store, StoreOptions, WriteBatch, WriteOutcome};
use throughline_testkit::{Ids, Sent, SpanBuilder, span};
use throughline_wire::{SpanId, TenantId, TraceId, UnixNanos};

/// A store whose clock stands at the present time of the database.
pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) now: UnixNanos,
    pub(crate) database: FreshDatabase,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let database = FreshDatabase::create().await;
        let now = database.now().await;
        // Tests store data of any time.
        let options = StoreOptions {
            clock_steadiness: Duration::ZERO,
            ..StoreOptions::new(move || now)
        };
        Self {
            store: database.store_with(options),
            now,
            database,
        }
    }

    pub(crate) fn reader(&self) -> Arc<dyn TraceReader> {
        self.store.reader(TenantId::DEFAULT)
    }

    /// Stores the spans as one batch.
    pub(crate) async fn write(&self, sent: &[Sent]) -> WriteOutcome {
        self.store
            .writer()
            .submit(batch(sent))
            .await
            .expect("is stored")
    }

    pub(crate) async fn list(&self, filter: &TraceFilter) -> Vec<TraceSummary> {
        let page = PageRequest {
            limit: PageRequest::MAX_LIMIT,
            from: None,
        };
        let page = self.reader().list_traces(filter, page).await;
        unmatched(page.expect("lists").items)
    }

    /// Returns a store with no time for a search. It reads `rows` traces first, and then one block
    /// at a time.
    pub(crate) fn hasty(&self, rows: u32) -> Store {
        let now = self.now;
        self.database.store_with(StoreOptions {
            search_budget: Duration::ZERO,
            search_rows: rows,
            search_batch_spans: 1,
            ..StoreOptions::new(move || now)
        })
    }

    /// Returns every page in one direction.
    pub(crate) async fn walk(
        &self,
        filter: &TraceFilter,
        direction: Direction,
        from: Option<Cursor>,
    ) -> Vec<Vec<TraceSummary>> {
        walk(&*self.reader(), filter, direction, from).await
    }

    /// Inserts `count` rows of traces without spans: copies of one row with the duration
    /// `duration_ns`, each a nanosecond older than the previous one. Their ids depend on the count
    /// and the duration, so samples are the same in every run.
    pub(crate) async fn fill(&self, like: &Sent, from: UnixNanos, count: i64, duration_ns: i64) {
        let filled = sqlx::query(
            "INSERT INTO traces (tenant_id, trace_id, start_ns, end_ns, received_ns, first_block_id, span_count,
                 error_count, root_rank, root_span_id, root_digest, root_operation_id,
                 root_duration_ns, has_root, services, user_id, session_id)
             SELECT tenant_id, md5(concat_ws(' ', $3, $4, at))::uuid, $2 - at, $2 - at + $4, received_ns, 0, 1,
                 0, 0, 1, 1, root_operation_id, 0, true, services, user_id, session_id
             FROM traces, generate_series(1, $3) AS at WHERE trace_id = $1",
        );
        let mut connection = self.database.connection().await;
        let trace_id = like.span.trace_id.to_bytes();
        let filled = filled
            .bind(sqlx::types::Uuid::from_bytes(trace_id))
            .bind(from.get())
            .bind(count)
            .bind(duration_ns)
            .execute(&mut connection);
        filled.await.expect("fills");
        let analyzed = sqlx::query("ANALYZE traces").execute(&mut connection);
        analyzed.await.expect("analyzes");
    }

    pub(crate) async fn trace(&self, trace_id: TraceId) -> Trace {
        self.reader()
            .trace(trace_id, None)
            .await
            .expect("reads")
            .expect("is there")
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql)
            .fetch_one(&mut self.database.connection().await)
            .await
            .expect("counts")
    }

    /// Returns the instant `ms` after (or before) now.
    pub(crate) fn at_ms(&self, ms: i64) -> UnixNanos {
        self.now.saturating_add(ms * UnixNanos::PER_MILLI)
    }
}

/// Returns every page in one direction.
pub(crate) async fn walk(
    reader: &dyn TraceReader,
    filter: &TraceFilter,
    direction: Direction,
    mut from: Option<Cursor>,
) -> Vec<Vec<TraceSummary>> {
    let mut pages = Vec::new();
    loop {
        let request = PageRequest {
            limit: 40,
            from: from.map(|cursor| (direction, cursor)),
        };
        let page = reader.list_traces(filter, request).await.expect("lists");
        pages.push(unmatched(page.items));
        from = match direction {
            Direction::After => page.after,
            Direction::Before => page.before,
        };
        if from.is_none() {
            return pages;
        }
    }
}

/// Returns the traces without their matched spans.
pub(crate) fn unmatched(mut traces: Vec<TraceSummary>) -> Vec<TraceSummary> {
    for trace in &mut traces {
        trace.matched_span = None;
    }
    traces
}

/// Returns the spans as one batch of the default tenant, with one group for consecutive spans of
/// one sender.
pub(crate) fn batch(sent: &[Sent]) -> WriteBatch {
    let groups = sent
        .chunk_by(|a, b| a.resource == b.resource && a.scope == b.scope)
        .map(|run| SpanGroup {
            resource: Arc::clone(&run[0].resource),
            scope: Arc::clone(&run[0].scope),
            spans: run.iter().map(|sent| sent.span.clone()).collect(),
            ..SpanGroup::default()
        })
        .collect();
    WriteBatch {
        tenant: TenantId::DEFAULT,
        groups,
    }
}

/// Returns a span named `name`, the only one of its trace.
pub(crate) fn lone(name: &'static str, ids: &mut Ids) -> SpanBuilder {
    span(name).in_trace(ids.trace_id()).id(ids.span_id())
}

pub(crate) fn span_id(number: i64) -> SpanId {
    SpanId::from_i64(number).expect("is not zero")
}

pub(crate) fn received(count: u64) -> WriteOutcome {
    WriteOutcome {
        received: count,
        ..WriteOutcome::default()
    }
}

pub(crate) fn both(count_new: u64, count_known: u64) -> WriteOutcome {
    WriteOutcome {
        received: count_new,
        duplicate: count_known,
        ..WriteOutcome::default()
    }
}
