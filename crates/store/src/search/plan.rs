//! The plan of a search: a compiled predicate that the page, the total and the statistics share.

use std::collections::{BTreeSet, HashMap, HashSet};

use throughline_model::{Comparison, ReadError, SpanField, SpanPredicate, TracePredicate};
use uuid::Uuid;

use super::condition::{Condition, LeafBits, MAX_LEAVES};
use super::predicate::{AttributeTest, Node, OperationTest};
use crate::block::FilterEntry;
use crate::ids::{self, IdSet};

/// A compiled predicate over traces.
#[derive(Debug, Default)]
pub(crate) struct ScanPlan {
    pub(super) leaves: Vec<Leaf>,
    pub(super) condition: Condition,
    /// Sets of leaves that the row conditions imply: at least one leaf of each set holds for every
    /// selected trace. The search uses them to find traces and does not check them again.
    pub(super) implied: Vec<LeafBits>,
    /// The entries to look up in membership filters.
    pub(super) probes: Vec<FilterEntry>,
    /// The comparisons that the dictionaries resolve.
    pub(super) dictionary: DictionaryTests,
    /// The traces that each source finds, by leaf. `None` if they are over the limit. Sources of
    /// log records are not in it: the search reads them itself.
    pub(super) led: HashMap<usize, Option<HashSet<Uuid>>>,
    /// The number of attribute comparisons.
    pub(super) attributes: u32,
}

/// A leaf of a plan: one predicate over a trace.
#[derive(Debug)]
pub(super) enum Leaf {
    /// Holds if a span of the trace satisfies the node.
    Span(Node),
    /// Holds if the source finds the trace.
    Source(TraceSource),
}

/// A table, other than the tables of blocks, that can find traces.
#[derive(Debug)]
pub(super) enum TraceSource {
    /// An event or a log record with this correlation ID.
    Event(String),
    /// A running span with this ID.
    OpenSpan(i64),
    /// A running span of the service with this ID.
    OpenService(i64),
    /// A log record or an event with an attribute that passes the test.
    LogRecord(AttributeTest),
    /// A pin of the trace.
    Pinned,
    /// The traces that lost blocks because disk space was low.
    Pruned,
}

/// The possible meanings of a reference. A trace matches if at least one of them applies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReferenceTo<'a> {
    /// A span with one of these attributes.
    pub attributes: &'a SpanPredicate,
    /// A log record or an event with an attribute of this value: (name, value). `None` as the name
    /// stands for any attribute.
    pub log_records: Option<(Option<&'a str>, &'a str)>,
    /// An event or a log record with this correlation ID.
    pub correlation: Option<&'a str>,
    /// A span with this ID.
    pub span_id: Option<i64>,
}

/// The leaves of a plan for the meanings of a reference.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ReferenceLeaves {
    /// The leaves that match a span ID.
    pub spans: LeafBits,
    /// The leaves that match the correlation ID of an event.
    pub events: LeafBits,
}

/// The tests for the dictionaries and their results.
#[derive(Debug, Default)]
pub(super) struct DictionaryTests {
    pub operations: Vec<OperationTest>,
    /// The operations that pass each test.
    pub operation_ids: Vec<IdSet>,
    /// The resources that pass an attribute test, by the number of the test.
    pub resource_ids: HashMap<u32, IdSet>,
    /// The scopes that pass an attribute test, by the number of the test.
    pub scope_ids: HashMap<u32, IdSet>,
    /// The names of the resource and scope attributes that pass a test of any attribute.
    pub names: BTreeSet<String>,
}
impl ScanPlan {
    /// Returns a plan that every trace satisfies.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Returns true if the plan has no conditions.
    pub(crate) fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// Returns the leaves that blocks decide.
    pub(super) fn span_leaves(&self) -> LeafBits {
        let leaves = self.leaves.iter().enumerate();
        leaves.fold(0, |bits, (at, leaf)| match leaf {
            Leaf::Span(_) => bits | 1 << at,
            Leaf::Source(_) => bits,
        })
    }

    /// Adds the condition that `predicate` holds.
    ///
    /// # Errors
    /// Returns [`ReadError::Invalid`] with a message for the user if the predicate is invalid.
    pub(crate) fn require(&mut self, predicate: &TracePredicate) -> Result<(), ReadError> {
        let condition = self.condition_of(predicate).map_err(ReadError::Invalid)?;
        self.and(condition);
        Ok(())
    }

    /// Adds the condition that at least one meaning of a reference applies to the trace. Returns
    /// the leaves by meaning.
    ///
    /// # Errors
    /// Returns the errors of [`Self::require`].
    pub(crate) fn require_reference(
        &mut self,
        reference: ReferenceTo<'_>,
    ) -> Result<ReferenceLeaves, ReadError> {
        let mut parts = Vec::new();
        let mut add = |plan: &mut Self, leaf: Leaf| -> Result<LeafBits, ReadError> {
            parts.push(plan.leaf(leaf).map_err(ReadError::Invalid)?);
            Ok(1 << (plan.leaves.len() - 1))
        };
        let mut leaves = ReferenceLeaves::default();
        if let Some(span_id) = reference.span_id {
            leaves.spans |= add(self, Leaf::Span(Node::SpanId(span_id)))?;
            leaves.spans |= add(self, Leaf::Source(TraceSource::OpenSpan(span_id)))?;
        }
        let node = self
            .node(reference.attributes)
            .map_err(ReadError::Invalid)?;
        add(self, Leaf::Span(node))?;
        if let Some(correlation) = reference.correlation {
            let event = TraceSource::Event(correlation.to_owned());
            leaves.events |= add(self, Leaf::Source(event))?;
        }
        if let Some((key, value)) = reference.log_records {
            let test = self
                .log_record_test(key, value)
                .map_err(ReadError::Invalid)?;
            add(self, Leaf::Source(TraceSource::LogRecord(test)))?;
        }
        self.and(Condition::Or(parts));
        Ok(leaves)
    }

    /// Declares that every selected row has such a span. The search can then find the rows by the
    /// span.
    ///
    /// After retention removed blocks of a trace, the span may be missing while the row still has
    /// its value. So the set also includes the leaf of pruned traces.
    ///
    /// # Errors
    /// Returns the errors of [`Self::require`].
    pub(crate) fn imply(&mut self, predicate: &SpanPredicate) -> Result<(), ReadError> {
        let node = self.node(predicate).map_err(ReadError::Invalid)?;
        let stored = self.implied_leaf(Leaf::Span(node))?;
        let pruned = self.pruned_leaf()?;
        self.implied.push(stored | pruned);
        Ok(())
    }

    /// Declares that every selected row has a span of a service. The search can then find the rows
    /// by the span. The span may be running and is then in no block, so the set also includes the
    /// leaf of running spans.
    ///
    /// # Errors
    /// Returns the errors of [`Self::require`].
    pub(crate) fn imply_service(&mut self, name: &str) -> Result<(), ReadError> {
        let predicate = SpanPredicate::compare(SpanField::Service, Comparison::Eq, name);
        let node = self.node(&predicate).map_err(ReadError::Invalid)?;
        let stored = self.implied_leaf(Leaf::Span(node))?;
        let open = TraceSource::OpenService(ids::service(name));
        let open = self.implied_leaf(Leaf::Source(open))?;
        let pruned = self.pruned_leaf()?;
        self.implied.push(stored | open | pruned);
        Ok(())
    }

    /// Declares that every selected row is pinned. The search can then find the rows by the pins.
    ///
    /// # Errors
    /// Returns the errors of [`Self::require`].
    pub(crate) fn imply_pinned(&mut self) -> Result<(), ReadError> {
        let leaf = self.implied_leaf(Leaf::Source(TraceSource::Pinned))?;
        self.implied.push(leaf);
        Ok(())
    }

    fn pruned_leaf(&mut self) -> Result<LeafBits, ReadError> {
        let known = self
            .sources()
            .find(|(_, source)| matches!(source, TraceSource::Pruned))
            .map(|(leaf, _)| 1 << leaf);
        match known {
            Some(leaf) => Ok(leaf),
            None => self.implied_leaf(Leaf::Source(TraceSource::Pruned)),
        }
    }

    fn implied_leaf(&mut self, leaf: Leaf) -> Result<LeafBits, ReadError> {
        self.leaf(leaf).map_err(ReadError::Invalid)?;
        Ok(1 << (self.leaves.len() - 1))
    }

    fn and(&mut self, condition: Condition) {
        match &mut self.condition {
            Condition::And(parts) => parts.push(condition),
            other => *other = Condition::And(vec![core::mem::take(other), condition]),
        }
    }

    pub(super) fn leaf(&mut self, leaf: Leaf) -> Result<Condition, String> {
        if self.leaves.len() == MAX_LEAVES {
            return Err(format!(
                "the search has more than {MAX_LEAVES} conditions on spans"
            ));
        }
        self.leaves.push(leaf);
        Ok(Condition::Leaf(self.leaves.len() - 1))
    }
}

/// Returns the attribute tests of the leaves.
pub(super) fn attribute_tests(leaves: &[Leaf]) -> Vec<&AttributeTest> {
    let mut tests = Vec::new();
    for leaf in leaves {
        match leaf {
            Leaf::Span(node) => node.attribute_tests(&mut tests),
            Leaf::Source(TraceSource::LogRecord(test)) => tests.push(test),
            Leaf::Source(_) => {}
        }
    }
    tests
}
