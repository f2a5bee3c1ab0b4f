//! The conditions that an index answers. The one that leaves the fewest traces leads to those that
//! are looked at one by one; the rest of the filter is asked of these.

use sqlx::{Postgres, QueryBuilder};
use throughline_wire::semconv;

use super::Selection;
use super::conditions::{Conditions, push_in_service};
use super::sample::Sample;
use crate::ids;

/// A condition that an index answers, with the range of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::reader) enum Lead {
    /// No other condition than the range.
    Range,
    /// A user, a session, a value of the index of aliases, or pins.
    Names,
    /// Root operations.
    Operations,
    /// That a span failed.
    Errors,
    /// Classes of durations.
    Duration,
    /// A service that is not common.
    Service,
}

impl Conditions<'_> {
    /// From here on (2^24 ns) durations are in an index.
    const INDEXED_DURATION_NS: i64 = 1 << 24;

    fn has(&self, lead: Lead) -> bool {
        let filter = self.filter;
        match lead {
            Lead::Range => true,
            Lead::Names => {
                let names = [&filter.user, &filter.session, &filter.correlation];
                filter.is_pinned
                    || names.into_iter().any(Option::is_some)
                    || self.attributes().any(|(_, searched)| searched.is_none())
            }
            Lead::Operations => self.has_operations() && self.known.operations.is_some(),
            Lead::Errors => self.is_of_errors(),
            Lead::Duration => filter
                .min_duration_ns
                .is_some_and(|least_ns| least_ns >= Self::INDEXED_DURATION_NS),
            Lead::Service => filter.service.is_some() && !self.known.is_service_common(),
        }
    }

    /// Whether a user or a session is named.
    fn has_text(&self) -> bool {
        let mut keys = self
            .filter
            .attributes
            .iter()
            .map(|condition| &condition.key);
        self.filter.user.is_some()
            || self.filter.session.is_some()
            || keys.any(|key| key == semconv::SESSION_ID)
    }

    /// Appends `WHERE` and the condition alone.
    pub(super) fn push_lead(&self, query: &mut QueryBuilder<Postgres>, lead: Lead) {
        self.push_range(query);
        match lead {
            Lead::Range => {}
            Lead::Names => {
                self.push_pinned(query);
                self.push_named(query);
            }
            Lead::Operations => self.push_operations(query),
            Lead::Errors => self.push_status(query),
            Lead::Duration => self.push_duration_class(query),
            Lead::Service => self.push_service(query),
        }
    }
}

impl Selection<'_> {
    /// Traces that a page may look through to the last of them, which takes some 50 ms.
    const LOOKED_THROUGH: u64 = 50_000;

    /// The conditions of the filter that an index answers, the range at least.
    pub(in crate::reader) fn leads(&self) -> impl Iterator<Item = Lead> {
        use Lead::{Duration, Errors, Names, Operations, Range, Service};
        [Names, Operations, Service, Errors, Duration, Range]
            .into_iter()
            .filter(|lead| self.conditions.has(*lead))
    }

    /// Whether an index has the traces of the condition in the order of time.
    pub(in crate::reader) fn is_ordered(&self, lead: Lead) -> bool {
        match lead {
            Lead::Range | Lead::Errors => true,
            Lead::Names => self.conditions.has_text(),
            Lead::Operations => {
                let operations = self.conditions.known.operations.as_ref();
                operations.is_some_and(|operations| operations.len() <= 1)
            }
            Lead::Duration | Lead::Service => false,
        }
    }

    /// The conditions of which it has to be known what the planner expects: none where the range is
    /// all there is, which is counted as fast as it is estimated.
    pub(in crate::reader) fn unknown_leads(&self) -> Vec<Lead> {
        match self.leads().next() {
            Some(Lead::Range) if !self.conditions.are_chosen() => Vec::new(),
            _ => self.leads().collect(),
        }
    }

    /// Whether nothing else has to be known where the planner expects so many of the condition:
    /// names that are few lead to their traces whatever else there is.
    pub(in crate::reader) fn suffices(lead: Lead, traces: u64) -> bool {
        lead == Lead::Names && traces <= Self::LOOKED_THROUGH
    }

    /// The same selection, given what the planner expects of these.
    pub(in crate::reader) fn expecting(self, expected: Vec<(u64, Lead)>) -> Self {
        Self { expected, ..self }
    }

    /// The condition that leaves the fewest traces, and how many, where that is known. Names are
    /// taken for these: as a rule they are few.
    pub(in crate::reader) fn least(&self) -> (Lead, Option<u64>) {
        if self.conditions.has(Lead::Names) {
            return (Lead::Names, None);
        }
        let least = self.expected.iter().min_by_key(|(traces, _)| *traces);
        let first = || (self.leads().next().unwrap_or(Lead::Range), None);
        least.map_or_else(first, |(traces, lead)| (*lead, Some(*traces)))
    }

    /// Where any condition leaves so many traces that a page, should it not be full by then, has to
    /// stop at a bound: the condition in whose order these are looked at.
    pub(super) fn along(&self) -> Option<Lead> {
        let is_few = |(traces, _): &(u64, Lead)| *traces <= Self::LOOKED_THROUGH;
        // A service that is not common is few, and durations are read class by class.
        let has_own = self.leads().any(|lead| lead == Lead::Service) || self.is_by_duration();
        if self.is_searched() || has_own || self.expected.iter().any(is_few) {
            return None;
        }
        let ordered = self
            .expected
            .iter()
            .filter(|(_, lead)| self.is_ordered(*lead));
        ordered
            .min_by_key(|(traces, _)| *traces)
            .map(|(_, lead)| *lead)
    }

    /// What the planner expects of a condition.
    pub(in crate::reader) fn explained(&self, lead: Lead) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("EXPLAIN SELECT FROM traces AS t ");
        self.conditions.push_lead(&mut query, lead);
        query
    }

    /// When the newest trace began that has `most` newer ones under the condition.
    pub(in crate::reader) fn beyond(&self, lead: Lead, most: i64) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("SELECT t.start_ns FROM traces AS t ");
        self.conditions.push_lead(&mut query, lead);
        query.push(" ORDER BY t.start_ns DESC LIMIT 1 OFFSET ");
        query.push_bind(most);
        query
    }

    /// When the newest part of the range begins that has such a share of its traces, by a sample.
    pub(in crate::reader) fn newest_share(
        &self,
        share: f64,
        sample: Sample,
    ) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("SELECT percentile_disc(");
        query.push_bind(1.0 - share);
        query.push("::double precision) WITHIN GROUP (ORDER BY t.start_ns) FROM traces AS t ");
        self.conditions.push_range(&mut query);
        query.push(sample.condition());
        query
    }

    /// The same selection of what began after an instant; stretches of time stay as they are.
    pub(in crate::reader) fn after(&self, instant_ns: i64) -> Self {
        Self {
            conditions: self.conditions.after(instant_ns),
            from_ns: self.from_ns,
            to_ns: self.to_ns,
            expected: Vec::new(),
        }
    }
}

/// What the planner expects of a service, in all time: its index knows no other.
pub(in crate::reader) fn expected_of_service(service: &str) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("EXPLAIN SELECT FROM traces AS t WHERE true");
    push_in_service(&mut query, ids::service(service));
    query
}
