//! The conditions of a filter as SQL over a row `t` of the directory; every value is bound.

use sqlx::{Postgres, QueryBuilder};
use throughline_model::{AttributeCondition, StatusFilter, TraceFilter};
use throughline_wire::{Attributes, UnixNanos, binary, semconv};
use uuid::Uuid;

use crate::alias_index::stored_value;
use crate::ids;

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
    /// Which conditions on attributes the index of aliases answers, in the filter's order.
    pub indexed: Vec<bool>,
    /// The root operations that are meant, where the filter says something of them.
    pub operations: Vec<i64>,
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

    fn attributes(&self, indexed: bool) -> impl Iterator<Item = &'a AttributeCondition> {
        let is_indexed = |at: usize| self.known.indexed.get(at).copied().unwrap_or_default();
        let all = self.filter.attributes.iter().enumerate();
        all.filter(move |(at, _)| is_indexed(*at) == indexed)
            .map(|(_, condition)| condition)
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
        self.attributes(false).next().is_some()
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
            attributes: _,
        } = self.filter;
        query.push("WHERE t.tenant_id = ").push_bind(self.tenant);
        query.push(" AND t.start_ns >= ").push_bind(self.from_ns);
        query.push(" AND t.start_ns < ").push_bind(self.to_ns);
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
            query.push(" AND t.user_id = ").push_bind(user.clone());
        }
        if let Some(session) = session {
            query
                .push(" AND t.session_id = ")
                .push_bind(session.clone());
        }
        if let Some(correlation) = correlation {
            self.push_alias(query, None, correlation);
        }
        for AttributeCondition { key, value } in self.attributes(true) {
            if key == semconv::SESSION_ID {
                query.push(" AND t.session_id = ").push_bind(value.clone());
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
                .push(" AND strpos(lower(t.error_message), lower(")
                .push_bind(error.clone())
                .push(")) > 0");
        }
        for condition in self.attributes(false) {
            query.push(
                " AND EXISTS (SELECT FROM spans AS s WHERE s.tenant_id = t.tenant_id \
                 AND s.trace_id = t.trace_id AND s.start_ns BETWEEN t.start_ns AND t.end_ns AND (",
            );
            for (at, needle) in needles(condition).into_iter().enumerate() {
                query.push(if at == 0 {
                    "position("
                } else {
                    " OR position("
                });
                query.push_bind(needle).push(" IN s.attributes) > 0");
            }
            query.push("))");
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
                .push_bind(value.to_owned())
                .push(" AND e.trace_id IS NOT NULL");
        }
        query.push(")");
    }
}

/// The attribute as it stands in `spans.attributes`, for each value that reads like the text. What
/// is found is this very attribute, or one of the same key and value within an attribute that is a
/// map.
fn needles(condition: &AttributeCondition) -> Vec<Vec<u8>> {
    let values = condition.values().into_iter();
    values
        .map(|value| {
            let mut attributes = Attributes::default();
            attributes.insert(condition.key.clone(), value);
            let mut needle = Vec::new();
            binary::encode_attributes(&attributes, &mut needle);
            needle
        })
        .collect()
}
