//! Reads the traces of one tenant.

mod completeness;
mod context;
mod corrupt;
mod dictionary;
mod dictionary_cache;
mod dropped_spans;
mod event;
mod event_payload;
mod list;
mod lookup;
mod moment;
mod operation;
mod paging;
mod payload;
mod rows;
mod services;
mod shared_sizes;
mod span;
mod span_facts;
mod statistics;
mod stored;
mod summaries;
mod trace;
mod trace_reader;
mod whole;
mod whole_events;

use std::sync::Arc;

use sqlx::{PgConnection, PgPool, PgTransaction};
use throughline_model::{PageRequest, ReadError, RetentionRules, TraceFilter, TraceSummary};
use throughline_wire::{TenantId, UnixNanos};
use uuid::Uuid;

use self::context::ReadContext;
pub(crate) use self::dictionary_cache::DictionaryCache;
use self::list::{ListedPage, Listing};
use self::moment::Moment;
use crate::search::{RowSelection, ScanPermits, ScanPlan, SearchBudget, SearchLimits, prepare};
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
    limits: SearchLimits,
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
            limits: SearchLimits {
                budget: SearchBudget {
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
            },
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

    /// Returns the context of reads on a connection, at the current time.
    fn context<'a>(&'a self, connection: &'a mut PgConnection) -> ReadContext<'a> {
        ReadContext {
            connection,
            tenant: self.tenant,
            now: self.clock.now(),
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
            only: None,
        }
    }

    /// Returns one page of the traces that satisfy a plan.
    async fn listed(
        &self,
        selection: RowSelection<'_>,
        plan: ScanPlan,
        page: PageRequest,
    ) -> Result<ListedPage, ReadError> {
        let mut moment = Moment::begin(&self.pool).await?;
        let listed = self
            .listed_in(&mut self.context(&mut moment), selection, plan, page)
            .await;
        moment.finish().await;
        listed
    }

    async fn listed_in(
        &self,
        context: &mut ReadContext<'_>,
        selection: RowSelection<'_>,
        plan: ScanPlan,
        page: PageRequest,
    ) -> Result<ListedPage, ReadError> {
        let plan = prepare(context.connection, self.tenant, plan).await?;
        let listing = Listing {
            selection,
            plan,
            page,
            limits: self.limits.clone(),
            total_cap: self.total_cap,
        };
        list::list(context, listing).await
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
    ) -> Result<throughline_model::Page<TraceSummary>, ReadError> {
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
