//! Reads the traces of one tenant.

mod completeness;
mod dictionary;
mod dictionary_cache;
mod event;
mod event_payload;
mod list;
mod lookup;
mod moment;
mod paging;
mod payload;
mod rows;
mod shared_sizes;
mod span;
mod statistics;
mod stored;
mod summaries;
mod trace;
mod whole;
mod whole_events;

use std::sync::Arc;

use sqlx::{PgConnection, PgPool, PgTransaction};
use throughline_model::{
    BoxFuture, EventCursor, EventFilter, EventPage, EventPageRequest, EventsOf, Lookup, Page,
    PageRequest, Payload, ReadError, Reference, RetentionRules, RollupFilter, RollupReport,
    SpanCursor, SpanDetails, Trace, TraceFilter, TraceReader, TraceSkeleton, TraceStatistics,
    TraceSummary, WholeEvents,
};
use throughline_wire::{SpanId, TenantId, TraceId, UnixNanos};
use uuid::Uuid;

use self::dictionary::Tenant;
pub(crate) use self::dictionary_cache::DictionaryCache;
use self::list::{Listed, Listing};
use self::moment::Moment;
use crate::rollup;
use crate::search::{Budget, RowSelection, ScanPermits, ScanPlan, plan_of, prepare};
use crate::sqlstate::read_error;
use crate::{Clock, StoreOptions};

/// The limit for the ends of a time range, in ns (the years 1823 and 2116). Ends beyond it are
/// moved to it, so that the difference of two times fits a bigint.
const FAR_NS: i64 = 1 << 62;

/// The maximum cost, in spans, at which a search scans blocks before it reads any trace row.
const DRIVEN_AT_ONCE: u64 = 160 << 10;

/// The reader of one tenant. Every statement it sends has the tenant as its first bind parameter.
pub(crate) struct PgTraceReader {
    pool: PgPool,
    tenant: Uuid,
    clock: Clock,
    total_cap: u64,
    rules: RetentionRules,
    budget: Budget,
    permits: Arc<ScanPermits>,
    cache: Arc<DictionaryCache>,
}

impl PgTraceReader {
    pub(crate) fn new(
        pool: PgPool,
        tenant: TenantId,
        options: &StoreOptions,
        cache: Arc<DictionaryCache>,
        permits: Arc<ScanPermits>,
    ) -> Self {
        Self {
            pool,
            tenant: Uuid::from_bytes(tenant.to_bytes()),
            clock: options.clock.clone(),
            total_cap: options.total_cap,
            rules: options.rules,
            budget: Budget {
                time: options.search_budget,
                first_rows: i64::from(options.search_rows.max(1)),
                batch_spans: options.search_batch_spans.into(),
                driven_spans: (
                    options.search_driven_spans.min(DRIVEN_AT_ONCE),
                    options.search_driven_spans,
                ),
                log_records: options.search_log_records.into(),
                listed_blocks: options.search_listed_blocks as usize,
            },
            permits,
            cache,
        }
    }

    /// Returns a connection with a snapshot, see [`moment::BEGIN`]. It is for a few short
    /// statements. A search uses a [`Moment`].
    async fn moment(&self) -> Result<PgTransaction<'static>, ReadError> {
        self.pool
            .begin_with(moment::BEGIN)
            .await
            .map_err(read_error)
    }

    /// Returns the tenant and the cache for dictionary look-ups.
    fn reading(&self) -> Tenant<'_> {
        Tenant {
            id: self.tenant,
            cache: &self.cache,
        }
    }

    /// Returns the row conditions of a filter at the current time.
    fn selection<'a>(&self, filter: &'a TraceFilter) -> RowSelection<'a> {
        let (from, to) = filter.range.bounds(self.clock.now());
        RowSelection {
            tenant: self.tenant,
            filter: Some(filter),
            from_ns: from.get().clamp(-FAR_NS, FAR_NS),
            to_ns: to.get().clamp(-FAR_NS, FAR_NS),
            with_users: false,
        }
    }

    /// Returns one page of the traces that satisfy a plan.
    async fn listed(
        &self,
        selection: RowSelection<'_>,
        plan: ScanPlan,
        page: PageRequest,
    ) -> Result<Listed, ReadError> {
        let mut moment = Moment::begin(&self.pool).await?;
        let listed = self.listed_in(&mut moment, selection, plan, page).await;
        moment.finish().await;
        listed
    }

    async fn listed_in(
        &self,
        connection: &mut PgConnection,
        selection: RowSelection<'_>,
        plan: ScanPlan,
        page: PageRequest,
    ) -> Result<Listed, ReadError> {
        let plan = prepare(connection, self.tenant, plan).await?;
        let listing = Listing {
            selection,
            plan,
            page,
            budget: self.budget,
            permits: Arc::clone(&self.permits),
            total_cap: self.total_cap,
            now: self.clock.now(),
        };
        list::list(connection, listing).await
    }
}

#[cfg(feature = "testing")]
impl PgTraceReader {
    /// Returns one page of the traces that satisfy a predicate.
    pub(crate) async fn search(
        &self,
        predicate: &throughline_model::CheckedPredicate,
        range: throughline_model::TimeRange,
        page: PageRequest,
    ) -> Result<Page<TraceSummary>, ReadError> {
        let mut plan = ScanPlan::new();
        plan.require(predicate.get())?;
        let filter = TraceFilter {
            range,
            ..TraceFilter::default()
        };
        Ok(self.listed(self.selection(&filter), plan, page).await?.page)
    }
}

/// Returns the summaries of those of the traces that exist, newest first. One call serves any
/// number of subscribers.
pub(crate) async fn summaries(
    pool: &PgPool,
    tenant: [u8; 16],
    trace_ids: &[Uuid],
    now: UnixNanos,
) -> Result<Vec<TraceSummary>, ReadError> {
    let mut connection = pool.acquire().await.map_err(read_error)?;
    let rows: Vec<rows::SummaryRow> = summaries::summaries(Uuid::from_bytes(tenant), trace_ids)
        .build_query_as()
        .fetch_all(&mut *connection)
        .await
        .map_err(read_error)?;
    rows.into_iter().map(|row| row.into_summary(now)).collect()
}

impl TraceReader for PgTraceReader {
    fn list_traces<'a>(
        &'a self,
        filter: &'a TraceFilter,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<TraceSummary>, ReadError>> {
        Box::pin(async move {
            let listed = self.listed(self.selection(filter), plan_of(filter)?, page);
            Ok(listed.await?.page)
        })
    }

    fn trace_statistics<'a>(
        &'a self,
        filter: &'a TraceFilter,
    ) -> BoxFuture<'a, Result<TraceStatistics, ReadError>> {
        Box::pin(async move {
            let plan = plan_of(filter)?;
            let selection = RowSelection {
                with_users: true,
                ..self.selection(filter)
            };
            let tenant = self.reading();
            let limits = (self.budget, Arc::clone(&self.permits));
            let mut moment = Moment::begin(&self.pool).await?;
            let statistics = async {
                let plan = prepare(&mut moment, self.tenant, plan).await?;
                statistics::statistics(&mut moment, tenant, selection, plan, limits).await
            };
            let statistics = statistics.await;
            moment.finish().await;
            statistics
        })
    }

    fn trace_skeleton(
        &self,
        trace_id: TraceId,
    ) -> BoxFuture<'_, Result<Option<TraceSkeleton>, ReadError>> {
        Box::pin(async move {
            let mut connection = self.moment().await?;
            let now = self.clock.now();
            trace::skeleton(&mut connection, self.reading(), trace_id, now).await
        })
    }

    fn span_details(
        &self,
        trace_id: TraceId,
        span_id: SpanId,
    ) -> BoxFuture<'_, Result<Vec<SpanDetails>, ReadError>> {
        Box::pin(async move {
            let mut connection = self.moment().await?;
            span::details(&mut connection, self.reading(), trace_id, span_id).await
        })
    }

    fn span_payload<'a>(
        &'a self,
        trace_id: TraceId,
        span_id: SpanId,
        hash: &'a str,
    ) -> BoxFuture<'a, Result<Option<Payload>, ReadError>> {
        Box::pin(async move {
            let mut connection = self.moment().await?;
            span::payload(&mut connection, self.tenant, trace_id, span_id, hash).await
        })
    }

    fn event_payload<'a>(
        &'a self,
        event: EventCursor,
        hash: &'a str,
    ) -> BoxFuture<'a, Result<Option<Payload>, ReadError>> {
        Box::pin(async move {
            let mut connection = self.pool.acquire().await.map_err(read_error)?;
            event_payload::payload(&mut connection, self.tenant, event, hash).await
        })
    }

    fn list_events<'a>(
        &'a self,
        filter: &'a EventFilter,
        page: EventPageRequest,
    ) -> BoxFuture<'a, Result<EventPage, ReadError>> {
        Box::pin(async move {
            let mut connection = self.moment().await?;
            event::list(&mut connection, self.tenant, filter, page, self.clock.now()).await
        })
    }

    fn whole_events<'a>(
        &'a self,
        of: &'a EventsOf,
        after: Option<EventCursor>,
    ) -> BoxFuture<'a, Result<WholeEvents, ReadError>> {
        Box::pin(async move {
            let mut connection = self.pool.acquire().await.map_err(read_error)?;
            let now = self.clock.now();
            whole_events::page(&mut connection, self.reading(), of, after, now).await
        })
    }

    fn find_traces<'a>(
        &'a self,
        key: Option<&'a str>,
        value: &'a str,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<TraceSummary>, ReadError>> {
        Box::pin(self.find(key, value, page))
    }

    fn lookup<'a>(
        &'a self,
        reference: &'a Reference,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Lookup, ReadError>> {
        Box::pin(self.look_up(reference, page))
    }

    fn trace(
        &self,
        trace_id: TraceId,
        after: Option<SpanCursor>,
    ) -> BoxFuture<'_, Result<Option<Trace>, ReadError>> {
        Box::pin(async move {
            let mut connection = self.moment().await?;
            let now = self.clock.now();
            whole::whole(&mut connection, self.reading(), trace_id, after, now).await
        })
    }

    fn rollups<'a>(
        &'a self,
        filter: &'a RollupFilter,
    ) -> BoxFuture<'a, Result<RollupReport, ReadError>> {
        Box::pin(async move {
            let mut connection = self.moment().await?;
            let (tenant, now) = (self.tenant, self.clock.now());
            rollup::rollups(&mut connection, tenant, filter, now, &self.rules).await
        })
    }

    fn list_services(&self) -> BoxFuture<'_, Result<Vec<String>, ReadError>> {
        Box::pin(async move {
            sqlx::query_scalar(
                "SELECT name FROM services WHERE tenant_id = $1 ORDER BY lower(name), name",
            )
            .bind(self.tenant)
            .fetch_all(&self.pool)
            .await
            .map_err(read_error)
        })
    }
}
