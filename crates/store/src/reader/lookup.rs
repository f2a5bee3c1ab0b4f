//! Resolves a reference: a trace ID, a span ID or a value.

use throughline_model::{
    Comparison, LookedFor, Lookup, Page, PageRequest, ReadError, Reference, SpanField,
    SpanPredicate, Total, TraceSummary,
};
use throughline_wire::semconv;

use super::context::ReadContext;
use super::moment::Moment;
use super::{PgTraceReader, trace};
use crate::search::{ReferenceTo, RowSelection, ScanPlan};

/// The range that contains all traces, in ns. Its length fits a bigint.
const ALL_TIME: (i64, i64) = (-(1 << 62), 1 << 62);

impl PgTraceReader {
    /// Looks up a reference by all its possible meanings. It first tries the ID of a trace. Then
    /// one search looks for the ID of a span, the value of an attribute of a span, an event or a
    /// log record, and the correlation ID of an event.
    pub(super) async fn look_up(
        &self,
        reference: &Reference,
        page: PageRequest,
    ) -> Result<Lookup, ReadError> {
        let mut moment = Moment::begin(&self.pool).await?;
        let lookup = self
            .look_up_in(&mut self.context(&mut moment), reference, page)
            .await;
        moment.finish().await;
        lookup
    }

    async fn look_up_in(
        &self,
        context: &mut ReadContext<'_>,
        reference: &Reference,
        page: PageRequest,
    ) -> Result<Lookup, ReadError> {
        let mut lookup = Lookup {
            found: None,
            names: Vec::new(),
            span: None,
            traces: page_of(Vec::new()),
            looked_for: Vec::new(),
        };
        if !reference.trace_ids().is_empty() {
            lookup.looked_for.push(LookedFor::TraceId);
        }
        for trace_id in reference.trace_ids() {
            let summary = trace::summary(context, *trace_id).await?;
            if let Some(summary) = summary {
                lookup.found = Some(LookedFor::TraceId);
                lookup.span = reference.span_in_trace();
                lookup.traces = page_of(vec![summary]);
                return Ok(lookup);
            }
        }
        if reference.span_id().is_some() {
            lookup.looked_for.push(LookedFor::SpanId);
        }
        lookup.looked_for.push(LookedFor::Attribute);
        let mut plan = ScanPlan::new();
        let text = reference.text();
        let any = SpanPredicate::compare(SpanField::AnyAttribute, Comparison::Eq, text);
        let span_id = reference.span_id().map(throughline_wire::SpanId::to_i64);
        let leaves = plan.require_reference(ReferenceTo {
            attributes: &any,
            log_records: Some((None, text)),
            correlation: Some(text),
            span_id,
        })?;
        let listed = self.listed_in(context, self.all_time(), plan, page).await?;
        lookup.traces = listed.page;
        if lookup.traces.items.is_empty() {
            return Ok(lookup);
        }
        if listed.leaves & leaves.spans != 0 {
            lookup.found = Some(LookedFor::SpanId);
            lookup.span = reference.span_id();
            return Ok(lookup);
        }
        lookup.found = Some(LookedFor::Attribute);
        let mut names = listed.names;
        if listed.leaves & leaves.events != 0 {
            names.insert(semconv::CORRELATION_ID.to_owned());
        }
        lookup.names = names.into_iter().collect();
        Ok(lookup)
    }

    /// Returns one page of the traces with an attribute of this value or with an event of this
    /// correlation ID. If `key` is set, the attribute must have this name.
    pub(super) async fn find(
        &self,
        key: Option<&str>,
        value: &str,
        page: PageRequest,
    ) -> Result<Page<TraceSummary>, ReadError> {
        let mut plan = ScanPlan::new();
        let attributes = match key {
            Some(key) => SpanPredicate::attribute(key, value),
            None => SpanPredicate::compare(SpanField::AnyAttribute, Comparison::Eq, value),
        };
        plan.require_reference(ReferenceTo {
            attributes: &attributes,
            log_records: Some((key, value)),
            correlation: key.is_none().then_some(value),
            span_id: None,
        })?;
        Ok(self.listed(self.all_time(), plan, page).await?.page)
    }

    fn all_time(&self) -> RowSelection<'static> {
        RowSelection {
            tenant: self.tenant,
            filter: None,
            from_ns: ALL_TIME.0,
            to_ns: ALL_TIME.1,
            with_users: false,
            only: None,
        }
    }
}

/// Returns all items as a single page.
fn page_of(items: Vec<TraceSummary>) -> Page<TraceSummary> {
    Page {
        total: Total::Exact(items.len() as u64),
        items,
        after: None,
        before: None,
        searched_to: None,
    }
}
