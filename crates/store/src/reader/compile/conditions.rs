//! The conditions of a filter as SQL over a row `t` of the directory; every value is bound.

use sqlx::{Postgres, QueryBuilder};
use throughline_model::{AttributeCondition, StatusFilter, TraceFilter};
use throughline_wire::{UnixNanos, semconv};
use uuid::Uuid;

use super::text::{Text, push_text};
use crate::alias_index::stored_value;
use crate::ids;
use crate::indexed_text::{MAX_CHARS, beginning};

/// A filter divided into what an index or a look at the row decides fast enough for any number of
/// rows, and what has to be searched for within a bound.
#[derive(Clone, Copy)]
pub(super) struct Conditions<'a> {
    pub(super) tenant: Uuid,
    pub(super) filter: &'a TraceFilter,
    from_ns: i64,
    to_ns: i64,
    pub(super) known: &'a Known,
}

/// What the dictionaries say of a filter. Bound as values, not looked up in the statement itself:
/// the planner then knows a rare operation from a common one.
#[derive(Debug, Default)]
pub(in crate::reader) struct Known {
    /// How the conditions on attributes are answered, in the filter's order.
    pub attributes: Vec<KnownAttribute>,
    /// The root operations that are meant, where the filter says something of them; none where they
    /// are more than a statement is given.
    pub operations: Option<Vec<i64>>,
    /// How many traces the planner expects of the service that is meant, in all time.
    pub service_traces: Option<u64>,
}

impl Known {
    /// Entries of a service in its index that are gathered in about 1 ms, which is before the first
    /// of them is looked at.
    const GATHERED: u64 = 20_000;

    pub(super) fn is_service_common(&self) -> bool {
        self.service_traces
            .is_some_and(|traces| traces > Self::GATHERED)
    }
}

/// How a condition on an attribute is answered.
#[derive(Debug)]
pub(in crate::reader) enum KnownAttribute {
    /// By the index of aliases, or by the directory itself.
    Indexed,
    /// By a search.
    Searched {
        /// The resources that have the attribute: all their spans meet the condition.
        resources: Vec<i64>,
    },
}

impl<'a> Conditions<'a> {
    pub(super) fn new(
        tenant: Uuid,
        filter: &'a TraceFilter,
        (from_ns, to_ns): (i64, i64),
        known: &'a Known,
    ) -> Self {
        Self {
            tenant,
            filter,
            from_ns,
            to_ns,
            known,
        }
    }

    /// The conditions on attributes, each with the resources that meet it, or none where the index
    /// of aliases answers it.
    pub(super) fn attributes(
        &self,
    ) -> impl Iterator<Item = (&'a AttributeCondition, Option<&'a [i64]>)> {
        let known = |at: usize| match self.known.attributes.get(at) {
            Some(KnownAttribute::Indexed) => None,
            Some(KnownAttribute::Searched { resources }) => Some(resources.as_slice()),
            None => Some([].as_slice()),
        };
        let all = self.filter.attributes.iter().enumerate();
        all.map(move |(at, condition)| (condition, known(at)))
    }

    /// The same of what began after an instant.
    pub(super) fn after(self, instant_ns: i64) -> Self {
        Self {
            from_ns: self.from_ns.max(instant_ns.saturating_add(1)),
            ..self
        }
    }

    /// Whether only traces with a span that failed are meant.
    pub(super) fn is_of_errors(&self) -> bool {
        self.filter.status == Some(StatusFilter::Error) || self.filter.error.is_some()
    }

    /// Appends `WHERE` and the conditions on tenant and time.
    pub(super) fn push_range(&self, query: &mut QueryBuilder<Postgres>) {
        query.push("WHERE t.tenant_id = ").push_bind(self.tenant);
        query.push(" AND t.start_ns >= ").push_bind(self.from_ns);
        query.push(" AND t.start_ns < ").push_bind(self.to_ns);
    }

    /// Appends `WHERE` and the conditions that are fast.
    pub(super) fn push_fast(&self, query: &mut QueryBuilder<Postgres>) {
        // Taken apart so that a new condition cannot be forgotten here.
        let TraceFilter {
            range: _,
            service: _,
            operation: _,
            kind: _,
            status: _,
            min_duration_ns: _,
            max_duration_ns: _,
            min_spans: _,
            max_spans: _,
            user: _,
            session: _,
            correlation: _,
            error: _,
            is_pinned: _,
            attributes: _,
        } = self.filter;
        self.push_range(query);
        self.push_service(query);
        self.push_operations(query);
        self.push_status(query);
        self.push_duration(query);
        self.push_pinned(query);
        self.push_named(query);
    }

    pub(super) fn push_service(&self, query: &mut QueryBuilder<Postgres>) {
        let Some(service) = &self.filter.service else {
            return;
        };
        let id = ids::service(service);
        if self.known.is_service_common() {
            // Not asked of the index, which would first gather all entries of the service.
            query.push(" AND ").push_bind(id).push(" = ANY(t.services)");
        } else {
            push_in_service(query, id);
        }
        query
            .push(" AND EXISTS (SELECT FROM services AS known WHERE known.tenant_id = ")
            .push_bind(self.tenant)
            // Decided before anything is read: what nobody is called is not searched for.
            .push(" AND known.id = ")
            .push_bind(id)
            .push(")");
    }

    pub(super) fn push_status(&self, query: &mut QueryBuilder<Postgres>) {
        if self.filter.status == Some(StatusFilter::Ok) {
            query.push(" AND NOT t.has_error");
        }
        if self.is_of_errors() {
            query.push(" AND t.has_error");
        }
    }

    pub(super) fn push_pinned(&self, query: &mut QueryBuilder<Postgres>) {
        if self.filter.is_pinned {
            query
                .push(" AND t.trace_id IN (SELECT pin.trace_id FROM pins AS pin WHERE pin.tenant_id = ")
                .push_bind(self.tenant)
                .push(")");
        }
    }

    /// Appends what names a user, a session or a value of the index of aliases.
    pub(super) fn push_named(&self, query: &mut QueryBuilder<Postgres>) {
        let TraceFilter {
            user,
            session,
            correlation,
            ..
        } = self.filter;
        if let Some(user) = user {
            push_text(query, self.tenant, Text::User(user));
        }
        if let Some(session) = session {
            push_text(query, self.tenant, Text::Session(session));
        }
        if let Some(correlation) = correlation {
            self.push_alias(query, None, correlation);
        }
        let indexed = self.attributes().filter(|(_, searched)| searched.is_none());
        for (AttributeCondition { key, value }, _) in indexed {
            if key == semconv::SESSION_ID {
                push_text(query, self.tenant, Text::Session(value));
            } else {
                self.push_alias(query, Some(key), value);
            }
        }
    }

    /// Traces that an alias leads to: of this key, or of any.
    fn push_alias(&self, query: &mut QueryBuilder<Postgres>, key: Option<&str>, value: &str) {
        query
            .push(" AND t.trace_id IN (SELECT a.trace_id FROM aliases AS a WHERE a.tenant_id = ")
            .push_bind(self.tenant)
            .push(
                " AND a.key_id = ANY(ARRAY(SELECT k.id FROM attribute_keys AS k \
                 WHERE k.tenant_id = ",
            )
            .push_bind(self.tenant);
        if let Some(key) = key {
            query.push(" AND k.name = ").push_bind(key.to_owned());
        }
        // Spans of a trace lie after its start.
        query
            .push(")) AND a.day_ns >= ")
            .push_bind(self.from_ns.saturating_sub(UnixNanos::PER_DAY))
            .push(" AND a.value = ")
            .push_bind(stored_value(value).into_owned());
        if key.is_none() {
            query
                .push(" UNION ALL SELECT e.trace_id FROM events AS e WHERE e.tenant_id = ")
                .push_bind(self.tenant)
                .push(" AND e.correlation_id = ")
                .push_bind(beginning(value, MAX_CHARS).to_owned())
                .push(" AND e.trace_id IS NOT NULL");
        }
        query.push(")");
    }
}

/// Appends that a service took part, in the form that the index on services answers.
pub(super) fn push_in_service(query: &mut QueryBuilder<Postgres>, service: i64) {
    query
        .push(" AND t.services @> ARRAY[")
        .push_bind(service)
        .push("::bigint]");
}
