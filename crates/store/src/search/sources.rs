//! Sources: tables, other than the tables of blocks, that can find traces.

use std::collections::{BTreeSet, HashMap, HashSet};

use sqlx::{PgConnection, Postgres, QueryBuilder};
use throughline_model::ReadError;
use uuid::Uuid;

use super::plan::{Leaf, ScanPlan, TraceSource};
use super::trace_row::TraceRow;
use super::{MOST_NAMES, log_records};
use crate::indexed_text::{MAX_CHARS, beginning};

/// The maximum number of traces of a source. A source with more cannot be used to find traces.
pub(super) const MOST_IDS: i64 = 10_000;

/// The traces that the sources of a plan find.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// The traces by leaf. `None` if they are over the limit.
    traces: HashMap<usize, Option<HashSet<Uuid>>>,
    /// The traces of the current rows with a log record that passes a test, by leaf.
    with_log_record: HashSet<(usize, Uuid)>,
    /// The names of log record attributes that were found.
    names: BTreeSet<String>,
}

impl Sources {
    /// Reads the traces that the sources of a plan find. Runs one statement for each source of log
    /// records and reads at most `most_records` of them. The other sources are already in the plan.
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
        let space = MOST_NAMES.saturating_sub(self.names.len());
        self.names.extend(found.names.into_iter().take(space));
        found.traces
    }

    /// Returns the number of traces that a leaf finds. Returns `None` if the leaf is no source, and
    /// `u64::MAX` if the traces are over the limit.
    pub(super) fn cost(&self, leaf: usize) -> Option<u64> {
        let traces = self.traces.get(&leaf)?;
        Some(traces.as_ref().map_or(u64::MAX, |ids| ids.len() as u64))
    }

    /// Returns the traces that a leaf finds. Empty if the leaf is no source or its traces are over
    /// the limit.
    pub(super) fn traces(&self, leaf: usize) -> impl Iterator<Item = Uuid> {
        self.traces
            .get(&leaf)
            .into_iter()
            .flatten()
            .flatten()
            .copied()
    }

    /// Returns true if log records must be read for each trace.
    pub(super) fn asks_log_records(&self, plan: &ScanPlan) -> bool {
        plan.sources()
            .any(|(leaf, source)| self.is_unread(leaf, source))
    }

    fn is_unread(&self, leaf: usize, source: &TraceSource) -> bool {
        matches!(source, TraceSource::LogRecord(_)) && matches!(self.traces.get(&leaf), Some(None))
    }

    /// Reads the log records of the current rows, if the log records of all traces are over the
    /// limit. Runs one statement for each such source, or none.
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

    /// Returns true if a log record of the trace passes the test of the leaf.
    pub(super) fn has_log_record(&self, leaf: usize, trace_id: Uuid) -> bool {
        match self.traces.get(&leaf) {
            Some(Some(traces)) => traces.contains(&trace_id),
            _ => self.with_log_record.contains(&(leaf, trace_id)),
        }
    }

    /// Returns the names of log record attributes found since the last call.
    pub(super) fn take_names(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.names)
    }
}

/// Appends the traces that the sources of a plan find. The rows have the columns of
/// `dictionary.sql`: the leaf is the ID, and the trace ID is the name.
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

/// Appends the table and the condition that select the traces of a source.
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
        // Selects the traces that are marked as pruned. Between a removal of blocks and its repair,
        // it also selects the traces that the repair will mark. Without a removal, the OFFSET
        // clause stops Postgres from reading the traces.
        TraceSource::Pruned => query.push(
            "(SELECT tenant_id, trace_id FROM traces WHERE pruned_before_ns IS NOT NULL \
                   UNION ALL SELECT t.tenant_id, t.trace_id FROM retention_state AS state \
                   CROSS JOIN LATERAL (SELECT tenant_id, trace_id FROM traces \
                   WHERE received_ns < state.pruned_before_ns OFFSET 0) AS t) AS pruned \
                   WHERE tenant_id = ",
        ),
        // [`Sources`] reads the log records in a statement of their own.
        TraceSource::LogRecord(_) => query.push("pins WHERE false AND tenant_id = "),
    }
    .push_bind(tenant);
}

/// Appends the condition that a source finds the trace of row `t`.
pub(super) fn push_condition(query: &mut QueryBuilder<Postgres>, source: &TraceSource) {
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
        // A condition on the row already checks this.
        TraceSource::OpenService(_) | TraceSource::Pinned | TraceSource::Pruned => {
            query.push("true")
        }
        // [`Sources`] finds these traces.
        TraceSource::LogRecord(_) => query.push("false"),
    };
}

/// Returns the sources among the leaves, with their indexes.
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
    /// Returns the sources of the plan, with their leaf indexes.
    pub(super) fn sources(&self) -> impl Iterator<Item = (usize, &TraceSource)> {
        sources_of(&self.leaves)
    }

    /// Records that a source finds a trace. Over the limit, the source stops counting as a way to
    /// find traces.
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
