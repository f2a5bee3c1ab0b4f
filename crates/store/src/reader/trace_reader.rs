//! The trait of the model over the store: one method for each question of a page or a script.

use throughline_model::{
    BoxFuture, EventCursor, EventFilter, EventPage, EventPageRequest, EventsOf, Lookup, Page,
    PageRequest, Payload, ReadError, Reference, RollupFilter, RollupReport, SelectedTraces,
    ServiceList, SpanCursor, SpansOfId, Trace, TraceFilter, TraceReader, TraceSkeleton,
    TraceStatistics, TraceSummary, WholeEvents,
};
use throughline_wire::{SpanId, TraceId};
use uuid::Uuid;

use super::moment::Moment;
use super::{
    PgTraceReader, event, event_payload, services, span, statistics, trace, whole, whole_events,
};
use crate::rollup;
use crate::search::{RowSelection, plan_of, prepare};
use crate::sqlstate::read_error;

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

    fn select_traces<'a>(
        &'a self,
        filter: &'a TraceFilter,
        traces: &'a [TraceSummary],
    ) -> BoxFuture<'a, Result<SelectedTraces, ReadError>> {
        Box::pin(async move {
            let mut selected = SelectedTraces::default();
            for traces in traces.chunks(PageRequest::MAX_LIMIT as usize) {
                let only: Vec<_> = traces
                    .iter()
                    .map(|trace| Uuid::from_bytes(trace.trace_id.to_bytes()))
                    .collect();
                let starts = traces.iter().map(|trace| trace.start.get());
                let (from, to) = (starts.clone().min(), starts.max());
                let selection = self.selection(filter);
                let selection = RowSelection {
                    from_ns: selection.from_ns.max(from.unwrap_or(i64::MIN)),
                    to_ns: selection
                        .to_ns
                        .min(to.map_or(i64::MAX, |to| to.saturating_add(1))),
                    only: Some(&only),
                    ..selection
                };
                let page = PageRequest {
                    limit: PageRequest::MAX_LIMIT,
                    from: None,
                };
                let listed = self.listed(selection, plan_of(filter)?, page).await?;
                selected.is_cut |= listed.page.searched_to.is_some();
                selected.traces.extend(listed.page.items);
            }
            let order = |trace: &TraceSummary| (trace.start, trace.trace_id);
            selected
                .traces
                .sort_unstable_by_key(|trace| core::cmp::Reverse(order(trace)));
            Ok(selected)
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
            let limits = self.limits.clone();
            let mut moment = Moment::begin(&self.pool).await?;
            let statistics = async {
                let context = &mut self.context(&mut moment);
                let plan = prepare(context.connection, self.tenant, plan).await?;
                statistics::statistics(context, selection, plan, limits).await
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
            trace::skeleton(&mut self.context(&mut connection), trace_id).await
        })
    }

    fn span_details(
        &self,
        trace_id: TraceId,
        span_id: SpanId,
    ) -> BoxFuture<'_, Result<SpansOfId, ReadError>> {
        Box::pin(async move {
            let mut connection = self.moment().await?;
            span::details(&mut self.context(&mut connection), trace_id, span_id).await
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
            let context = &mut self.context(&mut connection);
            span::payload(context, trace_id, span_id, hash).await
        })
    }

    fn event_payload<'a>(
        &'a self,
        event: EventCursor,
        hash: &'a str,
    ) -> BoxFuture<'a, Result<Option<Payload>, ReadError>> {
        Box::pin(async move {
            let mut connection = self.pool.acquire().await.map_err(read_error)?;
            event_payload::payload(&mut self.context(&mut connection), event, hash).await
        })
    }

    fn list_events<'a>(
        &'a self,
        filter: &'a EventFilter,
        page: EventPageRequest,
    ) -> BoxFuture<'a, Result<EventPage, ReadError>> {
        Box::pin(async move {
            let mut connection = self.moment().await?;
            event::list(&mut self.context(&mut connection), filter, page).await
        })
    }

    fn whole_events<'a>(
        &'a self,
        of: &'a EventsOf,
        after: Option<EventCursor>,
    ) -> BoxFuture<'a, Result<WholeEvents, ReadError>> {
        Box::pin(async move {
            let mut connection = self.pool.acquire().await.map_err(read_error)?;
            whole_events::page(&mut self.context(&mut connection), of, after).await
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
            whole::whole(&mut self.context(&mut connection), trace_id, after).await
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

    fn list_services<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<ServiceList, ReadError>> {
        Box::pin(async move {
            let mut connection = self.pool.acquire().await.map_err(read_error)?;
            services::list(&mut connection, self.tenant, prefix).await
        })
    }
}
