//! The conditions of a filter as SQL over a row `t` of the directory; every value is bound.

use sqlx::{Postgres, QueryBuilder};
use throughline_model::{AttributeCondition, StatusFilter, TraceFilter};
use throughline_wire::{UnixNanos, semconv};
use uuid::Uuid;

use super::needles::push_needles;
use crate::alias_index::stored_value;
use crate::ids;
use crate::indexed_text::{MAX_CHARS, MAX_SESSION_CHARS, beginning};

/// The class of a duration, computed as migration 0003 computes it: rounding is then the same.
const DURATION_CLASS: (&str, &str) = (
    "floor(ln(greatest(",
    "::bigint, 1)::double precision) / ln(2::double precision))::smallint",
);

/// A filter divided into what an index or a look at the row decides fast enough for any number of
/// rows, and what has to be searched for within a bound.
pub(super) struct Conditions<'a> {
    tenant: Uuid,
    filter: &'a TraceFilter,
    from_ns: i64,
    to_ns: i64,
    known: &'a Known,
}

/// What the dictionaries say of a filter. Bound as values, not looked up in the statement itself:
/// the planner then knows a rare operation from a common one.
#[derive(Debug, Default)]
pub(in crate::reader) struct Known {
    /// How the conditions on attributes are answered, in the filter's order.
    pub attributes: Vec<KnownAttribute>,
    /// The root operations that are meant, where the filter says something of them.
    pub operations: Vec<i64>,
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
    fn attributes(&self) -> impl Iterator<Item = (&'a AttributeCondition, Option<&'a [i64]>)> {
        let known = |at: usize| match self.known.attributes.get(at) {
            Some(KnownAttribute::Indexed) => None,
            Some(KnownAttribute::Searched { resources }) => Some(resources.as_slice()),
            None => Some([].as_slice()),
        };
        let all = self.filter.attributes.iter().enumerate();
        all.map(move |(at, condition)| (condition, known(at)))
    }

    fn searched_attributes(&self) -> impl Iterator<Item = (&'a AttributeCondition, &'a [i64])> {
        self.attributes()
            .filter_map(|(condition, resources)| Some((condition, resources?)))
    }

    /// Whether anything has to be searched for.
    pub(super) fn has_searched(&self) -> bool {
        let TraceFilter {
            min_spans,
            max_spans,
            error,
            ..
        } = self.filter;
        min_spans.is_some() || max_spans.is_some() || error.is_some() || self.reads_spans()
    }

    /// Whether the search reads spans, not the directory alone.
    pub(super) fn reads_spans(&self) -> bool {
        self.searched_attributes().next().is_some()
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
            service,
            operation,
            kind,
            status,
            min_duration_ns,
            max_duration_ns,
            min_spans: _,
            max_spans: _,
            user,
            session,
            correlation,
            error,
            is_pinned,
            attributes: _,
        } = self.filter;
        self.push_range(query);
        if let Some(service) = service {
            query
                .push(" AND t.services @> ARRAY[")
                .push_bind(ids::service(service))
                .push(
                    "::bigint] AND EXISTS (SELECT FROM services AS known WHERE known.tenant_id = ",
                )
                .push_bind(self.tenant)
                // Decided before anything is read: what nobody is called is not searched for.
                .push(" AND known.id = ")
                .push_bind(ids::service(service))
                .push(")");
        }
        if operation.is_some() || kind.is_some() {
            query
                .push(" AND t.root_operation_id = ANY(")
                .push_bind(self.known.operations.clone())
                .push(")");
        }
        match status {
            Some(StatusFilter::Ok) => {
                query.push(" AND NOT t.has_error");
            }
            Some(StatusFilter::Error) => {
                query.push(" AND t.has_error");
            }
            None => {}
        }
        if error.is_some() {
            query.push(" AND t.has_error");
        }
        if *is_pinned {
            query
                .push(" AND t.trace_id IN (SELECT pin.trace_id FROM pins AS pin WHERE pin.tenant_id = ")
                .push_bind(self.tenant)
                .push(")");
        }
        if let Some(least_ns) = *min_duration_ns {
            query
                .push(" AND t.end_ns - t.start_ns >= ")
                .push_bind(least_ns);
            query
                .push(" AND t.duration_class >= ")
                .push(DURATION_CLASS.0)
                .push_bind(least_ns)
                .push(DURATION_CLASS.1);
        }
        if let Some(most_ns) = max_duration_ns {
            query
                .push(" AND t.end_ns - t.start_ns <= ")
                .push_bind(*most_ns)
                .push(" AND t.duration_class <= ")
                .push(DURATION_CLASS.0)
                .push_bind(*most_ns)
                .push(DURATION_CLASS.1);
        }
        if let Some(user) = user {
            query
                .push(" AND t.user_id = ")
                .push_bind(beginning(user, MAX_CHARS).to_owned());
        }
        if let Some(session) = session {
            push_session(query, session);
        }
        if let Some(correlation) = correlation {
            self.push_alias(query, None, correlation);
        }
        let indexed = self.attributes().filter(|(_, searched)| searched.is_none());
        for (AttributeCondition { key, value }, _) in indexed {
            if key == semconv::SESSION_ID {
                push_session(query, value);
            } else {
                self.push_alias(query, Some(key), value);
            }
        }
    }

    /// Appends the conditions that are searched for, each after ` AND `.
    pub(super) fn push_searched(&self, query: &mut QueryBuilder<Postgres>) {
        let TraceFilter {
            min_spans,
            max_spans,
            error,
            ..
        } = self.filter;
        if let Some(least) = min_spans {
            query
                .push(" AND t.span_count >= ")
                .push_bind(i64::try_from(*least).unwrap_or(i64::MAX));
        }
        if let Some(most) = max_spans {
            query
                .push(" AND t.span_count <= ")
                .push_bind(i64::try_from(*most).unwrap_or(i64::MAX));
        }
        if let Some(error) = error {
            query
                .push(" AND (strpos(t.error_message, ")
                .push_bind(error.clone())
                // The column's own collation knows the lower case of ASCII alone.
                .push(") > 0 OR strpos(lower(t.error_message COLLATE \"default\"), ")
                .push_bind(error.to_lowercase())
                .push(") > 0)");
        }
        for (condition, resources) in self.searched_attributes() {
            // Not EXISTS, which the planner may turn into a join that reads all spans there are:
            // this is asked of one candidate after the other.
            query.push(
                " AND (SELECT true FROM spans AS s WHERE s.tenant_id = t.tenant_id \
                 AND s.trace_id = t.trace_id AND s.start_ns BETWEEN t.start_ns AND t.end_ns AND (",
            );
            push_needles(query, condition, "s.attributes");
            if !resources.is_empty() {
                query
                    .push(" OR s.resource_id = ANY(")
                    .push_bind(resources.to_vec())
                    .push(")");
            }
            query.push(") LIMIT 1)");
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

fn push_session(query: &mut QueryBuilder<Postgres>, session: &str) {
    query
        .push(" AND t.session_id = ")
        .push_bind(beginning(session, MAX_SESSION_CHARS).to_owned());
}
