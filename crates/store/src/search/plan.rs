//! The plan of a search: its predicate compiled, shared by the page, the total and the statistics.

use std::collections::{BTreeSet, HashMap, HashSet};

use throughline_model::{Comparison, ReadError, SpanField, SpanPredicate, TracePredicate};
use uuid::Uuid;

use super::condition::{Condition, LeafBits, MAX_LEAVES};
use super::predicate::{AttributeTest, Node, OperationTest};
use crate::block::FilterEntry;
use crate::ids::{self, IdSet};

/// A predicate over traces, compiled.
#[derive(Debug, Default)]
pub(crate) struct ScanPlan {
    pub(super) leaves: Vec<Leaf>,
    pub(super) condition: Condition,
    /// Sets of leaves of which one at least holds for every trace whose row is selected. They lead to
    /// traces and are not checked.
    pub(super) implied: Vec<LeafBits>,
    /// The entries to look for in membership filters.
    pub(super) probes: Vec<FilterEntry>,
    /// Comparisons that the dictionaries answer.
    pub(super) dictionary: DictionaryTests,
    /// The traces that each source leads to, by leaf; none where they are too many. Log records are read
    /// by the search.
    pub(super) led: HashMap<usize, Option<HashSet<Uuid>>>,
    /// The number of comparisons of attributes.
    pub(super) attributes: u32,
}

/// A leaf of a plan: one predicate over a trace.
#[derive(Debug)]
pub(super) enum Leaf {
    /// It has a span of which this holds.
    Span(Node),
    /// Another table leads to it.
    Source(TraceSource),
}

/// A table that leads to traces besides the blocks.
#[derive(Debug)]
pub(super) enum TraceSource {
    /// An event or a log record with this correlation id.
    Event(String),
    /// A span of this id that has begun and not ended.
    OpenSpan(i64),
    /// A span of the service with this id that has begun and not ended.
    OpenService(i64),
    /// A log record or an event with an attribute that passes.
    LogRecord(AttributeTest),
    /// Somebody pinned it.
    Pinned,
    /// Blocks with spans of it were dropped for want of room.
    Pruned,
}

/// The meanings of a reference: a trace has one of them at least.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReferenceTo<'a> {
    /// A span with one of these attributes.
    pub attributes: &'a SpanPredicate,
    /// A log record or an event with an attribute of this value: of this name, where one is given.
    pub log_records: Option<(Option<&'a str>, &'a str)>,
    /// An event or a log record with this correlation id.
    pub correlation: Option<&'a str>,
    /// A span of this id.
    pub span_id: Option<i64>,
}

/// The leaves of a plan for each meaning of a reference.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ReferenceLeaves {
    /// The id of a span.
    pub spans: LeafBits,
    /// The correlation id of an event.
    pub events: LeafBits,
}

/// What the dictionaries are asked, and what they answered.
#[derive(Debug, Default)]
pub(super) struct DictionaryTests {
    pub operations: Vec<OperationTest>,
    /// The operations that pass each of them.
    pub operation_ids: Vec<IdSet>,
    /// The resources that pass the test of an attribute, by its number.
    pub resource_ids: HashMap<u32, IdSet>,
    /// The scopes, likewise.
    pub scope_ids: HashMap<u32, IdSet>,
    /// The names of the attributes of resources and scopes that pass, of tests of any attribute.
    pub names: BTreeSet<String>,
}
impl ScanPlan {
    /// A plan that every trace meets.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Whether no span is asked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// The leaves that blocks decide.
    pub(super) fn span_leaves(&self) -> LeafBits {
        let leaves = self.leaves.iter().enumerate();
        leaves.fold(0, |bits, (at, leaf)| match leaf {
            Leaf::Span(_) => bits | 1 << at,
            Leaf::Source(_) => bits,
        })
    }

    /// Adds that `predicate` holds.
    ///
    /// # Errors
    /// [`ReadError::Invalid`] with a sentence for people.
    pub(crate) fn require(&mut self, predicate: &TracePredicate) -> Result<(), ReadError> {
        let condition = self.condition_of(predicate).map_err(ReadError::Invalid)?;
        self.and(condition);
        Ok(())
    }

    /// Adds that the trace has what a reference may mean. Returns the leaves by what they mean.
    ///
    /// # Errors
    /// See [`Self::require`].
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

    /// Adds that the rows that are selected have such a span, which leads to them. Of a trace that
    /// retention took blocks from the row alone may say so.
    ///
    /// # Errors
    /// See [`Self::require`].
    pub(crate) fn imply(&mut self, predicate: &SpanPredicate) -> Result<(), ReadError> {
        let node = self.node(predicate).map_err(ReadError::Invalid)?;
        let stored = self.implied_leaf(Leaf::Span(node))?;
        let pruned = self.pruned_leaf()?;
        self.implied.push(stored | pruned);
        Ok(())
    }

    /// Adds that the rows that are selected have a span of a service, which leads to them; the span
    /// may have begun and not ended, and is in no block then.
    ///
    /// # Errors
    /// See [`Self::require`].
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

    /// Adds that the rows that are selected are pinned, which leads to them.
    ///
    /// # Errors
    /// See [`Self::require`].
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
            return Err(format!("the search asks for more than {MAX_LEAVES} spans"));
        }
        self.leaves.push(leaf);
        Ok(Condition::Leaf(self.leaves.len() - 1))
    }
}

/// The tests of attributes of a plan.
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
