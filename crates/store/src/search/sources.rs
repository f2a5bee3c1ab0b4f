//! Sources: tables besides the blocks that lead to traces.

use std::collections::{BTreeSet, HashMap, HashSet};

use sqlx::{PgConnection, Postgres, QueryBuilder};
use throughline_model::ReadError;
use uuid::Uuid;

use super::log_records;
use super::plan::{Leaf, ScanPlan, TraceSource};
use super::results::MOST_NAMES;
use super::rows::TraceRow;
use crate::indexed_text::{MAX_CHARS, beginning};

/// Traces that a source leads a search to at most; one with more cannot lead.
pub(super) const MOST_IDS: i64 = 10_000;

/// The traces that the sources of a plan lead to.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// By leaf; none where they are too many.
    traces: HashMap<usize, Option<HashSet<Uuid>>>,
    /// Traces with a log record that a test passes, by leaf; of the rows that are decided next.
    with_log_record: HashSet<(usize, Uuid)>,
    /// The names of the attributes of log records that were found.
    names: BTreeSet<String>,
}

impl Sources {
    /// Reads the traces that the sources of a plan lead to. Costs one statement where log records are
    /// asked for, of which `most_records` are looked at, and none else.
    pub(super) async fn read(
        connection: &mut PgConnection,
        tenant: Uuid,
        plan: &ScanPlan,
        most_records: i64,
    ) -> Result<Self, ReadError> {
        let mut sources = Self {
            traces: plan.led.clone(),
            ..Self::default()
        };
        for (leaf, source) in plan.sources() {
            if let TraceSource::LogRecord(test) = source {
                let wanted = (test, most_records);
                let found = log_records::all(connection, tenant, plan, wanted).await?;
                let traces = found.map(|found| sources.note(found));
                sources.traces.insert(leaf, traces);
            }
        }
        Ok(sources)
    }

    fn note(&mut self, found: log_records::Found) -> HashSet<Uuid> {
        let room = MOST_NAMES.saturating_sub(self.names.len());
        self.names.extend(found.names.into_iter().take(room));
        found.traces
    }

    /// The number of traces that a leaf leads to; none when it is no source, the greatest number when
    /// they are too many.
    pub(super) fn cost(&self, leaf: usize) -> Option<u64> {
        let traces = self.traces.get(&leaf)?;
        Some(traces.as_ref().map_or(u64::MAX, |ids| ids.len() as u64))
    }

    /// The traces that a leaf leads to; none of one that is no source or has too many.
    pub(super) fn traces(&self, leaf: usize) -> impl Iterator<Item = Uuid> {
        self.traces
            .get(&leaf)
            .into_iter()
            .flatten()
            .flatten()
            .copied()
    }

    /// Returns whether log records must be read for each trace.
    pub(super) fn asks_log_records(&self, plan: &ScanPlan) -> bool {
        plan.sources()
            .any(|(leaf, source)| self.is_unread(leaf, source))
    }

    fn is_unread(&self, leaf: usize, source: &TraceSource) -> bool {
        matches!(source, TraceSource::LogRecord(_)) && matches!(self.traces.get(&leaf), Some(None))
    }

    /// Reads the log records of the rows that are decided next, where all are too many: one statement,
    /// or none.
    pub(super) async fn read_log_records(
        &mut self,
        connection: &mut PgConnection,
        tenant: Uuid,
        plan: &ScanPlan,
        rows: &[TraceRow],
    ) -> Result<(), ReadError> {
        self.with_log_record.clear();
        for (leaf, source) in plan.sources() {
            if let TraceSource::LogRecord(test) = source
                && self.is_unread(leaf, source)
                && !rows.is_empty()
            {
                let ids = rows.iter().map(|row| row.trace_id).collect();
                let found = log_records::of_traces(connection, tenant, plan, test, ids).await?;
                let traces = self.note(found);
                self.with_log_record
                    .extend(traces.into_iter().map(|trace| (leaf, trace)));
            }
        }
        Ok(())
    }

    /// Returns whether a log record leads to a trace.
    pub(super) fn has_log_record(&self, leaf: usize, trace_id: Uuid) -> bool {
        match self.traces.get(&leaf) {
            Some(Some(traces)) => traces.contains(&trace_id),
            _ => self.with_log_record.contains(&(leaf, trace_id)),
        }
    }

    /// The names of the attributes of log records that were found since this was asked.
    pub(super) fn take_names(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.names)
    }
}

/// Appends the traces that the sources of a plan lead to, as rows like those of `dictionary.sql`: the
/// leaf is the id, and the trace the name.
pub(super) fn push_sources(query: &mut QueryBuilder<Postgres>, tenant: Uuid, leaves: &[Leaf]) {
    for (leaf, source) in sources_of(leaves) {
        if matches!(source, TraceSource::LogRecord(_)) {
            continue;
        }
        query.push(" UNION ALL (SELECT 3::smallint, ");
        query.push_bind(leaf as i64);
        query.push(", NULL, trace_id::text, NULL, NULL FROM (SELECT DISTINCT trace_id FROM ");
        push_traces(query, tenant, source);
        query
            .push(" LIMIT ")
            .push_bind(MOST_IDS + 1)
            .push(") AS led)");
    }
}

/// Appends what selects the traces that a source leads to: a table and a condition.
fn push_traces(query: &mut QueryBuilder<Postgres>, tenant: Uuid, source: &TraceSource) {
    match source {
        TraceSource::Event(correlation) => query
            .push("events WHERE trace_id IS NOT NULL AND correlation_id = ")
            .push_bind(beginning(correlation, MAX_CHARS).to_owned())
            .push(" AND tenant_id = "),
        TraceSource::OpenSpan(span_id) => query
            .push("open_spans WHERE span_id = ")
            .push_bind(*span_id)
            .push(" AND tenant_id = "),
        TraceSource::OpenService(service_id) => query
            .push(
                "open_spans AS s JOIN operations AS o \
                 ON o.tenant_id = s.tenant_id AND o.id = s.operation_id WHERE o.service_id = ",
            )
            .push_bind(*service_id)
            .push(" AND s.tenant_id = "),
        TraceSource::Pinned => query.push("pins WHERE tenant_id = "),
        // Those that are marked, and between a removal of blocks and its repairs those that will be:
        // the clause OFFSET keeps Postgres from looking at traces when there are none of these.
        TraceSource::Pruned => query.push(
            "(SELECT tenant_id, trace_id FROM traces WHERE pruned_before_ns IS NOT NULL \
                   UNION ALL SELECT t.tenant_id, t.trace_id FROM retention_state AS state \
                   CROSS JOIN LATERAL (SELECT tenant_id, trace_id FROM traces \
                   WHERE received_ns < state.pruned_before_ns OFFSET 0) AS t) AS pruned \
                   WHERE tenant_id = ",
        ),
        // Read by themselves.
        TraceSource::LogRecord(_) => query.push("pins WHERE false AND tenant_id = "),
    }
    .push_bind(tenant);
}

/// Appends whether a source leads to the trace of a row `t`.
pub(super) fn push_leads(query: &mut QueryBuilder<Postgres>, source: &TraceSource) {
    match source {
        TraceSource::Event(correlation) => query
            .push(
                "EXISTS (SELECT FROM events AS e WHERE e.tenant_id = t.tenant_id \
                 AND e.trace_id = t.trace_id AND e.correlation_id = ",
            )
            .push_bind(beginning(correlation, MAX_CHARS).to_owned())
            .push(")"),
        TraceSource::OpenSpan(span_id) => query
            .push(
                "EXISTS (SELECT FROM open_spans AS o WHERE o.tenant_id = t.tenant_id \
                 AND o.trace_id = t.trace_id AND o.span_id = ",
            )
            .push_bind(*span_id)
            .push(")"),
        // A condition on the row says so.
        TraceSource::OpenService(_) | TraceSource::Pinned | TraceSource::Pruned => {
            query.push("true")
        }
        // [`Sources`] finds these.
        TraceSource::LogRecord(_) => query.push("false"),
    };
}

/// The sources among leaves, with their places.
fn sources_of(leaves: &[Leaf]) -> impl Iterator<Item = (usize, &TraceSource)> {
    leaves
        .iter()
        .enumerate()
        .filter_map(|(at, leaf)| match leaf {
            Leaf::Source(source) => Some((at, source)),
            Leaf::Span(_) => None,
        })
}

impl ScanPlan {
    /// The sources with their leaves.
    pub(super) fn sources(&self) -> impl Iterator<Item = (usize, &TraceSource)> {
        sources_of(&self.leaves)
    }

    /// Notes that a source leads to a trace.
    pub(super) fn note_led(&mut self, leaf: usize, trace_id: Uuid) {
        if let Some(slot) = self.led.get_mut(&leaf)
            && let Some(traces) = slot
        {
            traces.insert(trace_id);
            if traces.len() as i64 > MOST_IDS {
                *slot = None;
            }
        }
    }
}
