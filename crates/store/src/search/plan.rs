//! The plan of a search: its predicate compiled, shared by the page, the total and the statistics.

use std::collections::{BTreeSet, HashMap};

use throughline_model::{
    AttributeOwner, Comparison, ReadError, SearchValue, SpanField, SpanPredicate, TracePredicate,
    kind_named, status_named,
};

use super::value::{NameTest, Number, ValueTest};
use crate::block::FilterEntry;
use crate::ids::{self, IdSet};

/// A set of leaves: bit n is leaf n.
pub(crate) type LeafBits = u128;
/// Leaves of a plan at most.
const MAX_LEAVES: usize = LeafBits::BITS as usize;

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
    /// Somebody pinned it.
    Pinned,
}

/// The leaves of a plan for each meaning of a reference.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ReferenceLeaves {
    /// The id of a span.
    pub spans: LeafBits,
    /// The correlation id of an event.
    pub events: LeafBits,
}

/// A boolean expression over leaves.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Leaf(usize),
}

impl Default for Condition {
    /// What always holds.
    fn default() -> Self {
        Self::And(Vec::new())
    }
}

impl Condition {
    /// Whether it holds for a trace, given its leaves.
    pub(super) fn holds(&self, leaves: LeafBits) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.holds(leaves)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(leaves)),
            Self::Not(part) => !part.holds(leaves),
            Self::Leaf(leaf) => leaves >> leaf & 1 == 1,
        }
    }

    /// The cheapest leaves of which at least one holds where the condition does, with their weight;
    /// none when it can hold without any.
    pub(super) fn cover(&self, weight: &impl Fn(usize) -> u64) -> Option<(LeafBits, u64)> {
        match self {
            Self::Leaf(leaf) => Some((1 << leaf, weight(*leaf))),
            Self::And(parts) => {
                let covers = parts.iter().filter_map(|part| part.cover(weight));
                covers.min_by_key(|(_, weight)| *weight)
            }
            Self::Or(parts) => parts.iter().try_fold((0, 0), |(all, sum), part| {
                let (leaves, weight) = part.cover(weight)?;
                Some((all | leaves, weight.saturating_add(sum)))
            }),
            Self::Not(_) => None,
        }
    }

    /// The leaves that are not negated, whose matches explain why a trace was found.
    pub(super) fn positive(&self) -> LeafBits {
        match self {
            Self::Leaf(leaf) => 1 << leaf,
            Self::And(parts) | Self::Or(parts) => {
                parts.iter().fold(0, |all, part| all | part.positive())
            }
            Self::Not(_) => 0,
        }
    }
}

/// A predicate over spans, compiled.
#[derive(Debug)]
pub(super) enum Node {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    /// The operation is one of those that pass this test of the dictionary.
    Operation(usize),
    /// The status has this code.
    Status(i16),
    Message(NameTest),
    Duration(Comparison, Number),
    SpanId(i64),
    Attribute(AttributeTest),
}

/// A comparison of attributes.
#[derive(Debug)]
pub(super) struct AttributeTest {
    /// Its place among the plan's.
    pub number: u32,
    pub owner: AttributeOwner,
    /// The name; none for any.
    pub key: Option<Box<[u8]>>,
    pub test: ValueTest,
    /// The probes of which a filter has at least one when an attribute of a span or an event passes.
    pub probes: Option<Vec<usize>>,
}

impl AttributeTest {
    pub(super) fn is_of(&self, owner: AttributeOwner) -> bool {
        self.owner == AttributeOwner::Any || self.owner == owner
    }

    pub(super) fn is_key(&self, key: &[u8]) -> bool {
        self.key.as_deref().is_none_or(|wanted| wanted == key)
    }
}

/// A test of operations by what the dictionary says of them.
#[derive(Debug)]
pub(super) enum OperationTest {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Name(NameTest),
    Kind(i16),
    Service(ValueTest),
}

impl OperationTest {
    pub(super) fn is(&self, name: &str, kind: i16, service: &str) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.is(name, kind, service)),
            Self::Or(parts) => parts.iter().any(|part| part.is(name, kind, service)),
            Self::Not(part) => !part.is(name, kind, service),
            Self::Name(test) => test.is(name),
            Self::Kind(wanted) => *wanted == kind,
            Self::Service(test) => test.text(service.as_bytes()),
        }
    }
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

    /// Adds that `predicate` holds.
    ///
    /// # Errors
    /// [`ReadError::Invalid`] with a sentence for people.
    pub(crate) fn require(&mut self, predicate: &TracePredicate) -> Result<(), ReadError> {
        let condition = self.condition_of(predicate).map_err(ReadError::Invalid)?;
        self.and(condition);
        Ok(())
    }

    /// Adds that the trace has a span with one of the attributes, or an event or a log record with the
    /// correlation id; or a span of this id, where one is given. Returns the leaves by what they mean.
    ///
    /// # Errors
    /// As [`Self::require`].
    pub(crate) fn require_reference(
        &mut self,
        attributes: &SpanPredicate,
        correlation: &str,
        span_id: Option<i64>,
    ) -> Result<ReferenceLeaves, ReadError> {
        let mut parts = Vec::new();
        let mut add = |plan: &mut Self, leaf: Leaf| -> Result<LeafBits, ReadError> {
            parts.push(plan.leaf(leaf).map_err(ReadError::Invalid)?);
            Ok(1 << (plan.leaves.len() - 1))
        };
        let mut leaves = ReferenceLeaves::default();
        if let Some(span_id) = span_id {
            leaves.spans |= add(self, Leaf::Span(Node::SpanId(span_id)))?;
            leaves.spans |= add(self, Leaf::Source(TraceSource::OpenSpan(span_id)))?;
        }
        let node = self.node(attributes).map_err(ReadError::Invalid)?;
        add(self, Leaf::Span(node))?;
        let event = TraceSource::Event(correlation.to_owned());
        leaves.events |= add(self, Leaf::Source(event))?;
        self.and(Condition::Or(parts));
        Ok(leaves)
    }

    /// Adds that the rows that are selected have such a span, which leads to them.
    ///
    /// # Errors
    /// As [`Self::require`].
    pub(crate) fn imply(&mut self, predicate: &SpanPredicate) -> Result<(), ReadError> {
        let node = self.node(predicate).map_err(ReadError::Invalid)?;
        let leaf = self.implied_leaf(Leaf::Span(node))?;
        self.implied.push(leaf);
        Ok(())
    }

    /// Adds that the rows that are selected have a span of a service, which leads to them; the span
    /// may have begun and not ended, and is in no block then.
    ///
    /// # Errors
    /// As [`Self::require`].
    pub(crate) fn imply_service(&mut self, name: &str) -> Result<(), ReadError> {
        let predicate = SpanPredicate::compare(SpanField::Service, Comparison::Eq, name);
        let node = self.node(&predicate).map_err(ReadError::Invalid)?;
        let stored = self.implied_leaf(Leaf::Span(node))?;
        let open = TraceSource::OpenService(ids::service(name));
        let open = self.implied_leaf(Leaf::Source(open))?;
        self.implied.push(stored | open);
        Ok(())
    }

    /// Adds that the rows that are selected are pinned, which leads to them.
    ///
    /// # Errors
    /// As [`Self::require`].
    pub(crate) fn imply_pinned(&mut self) -> Result<(), ReadError> {
        let leaf = self.implied_leaf(Leaf::Source(TraceSource::Pinned))?;
        self.implied.push(leaf);
        Ok(())
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

    fn leaf(&mut self, leaf: Leaf) -> Result<Condition, String> {
        if self.leaves.len() == MAX_LEAVES {
            return Err(format!("the search asks for more than {MAX_LEAVES} spans"));
        }
        self.leaves.push(leaf);
        Ok(Condition::Leaf(self.leaves.len() - 1))
    }

    fn condition_of(&mut self, predicate: &TracePredicate) -> Result<Condition, String> {
        Ok(match predicate {
            TracePredicate::Has(span) => {
                let node = self.node(span)?;
                self.leaf(Leaf::Span(node))?
            }
            TracePredicate::And(parts) => Condition::And(self.conditions_of(parts)?),
            TracePredicate::Or(parts) => Condition::Or(self.conditions_of(parts)?),
            TracePredicate::Not(part) => Condition::Not(Box::new(self.condition_of(part)?)),
        })
    }

    fn conditions_of(&mut self, parts: &[TracePredicate]) -> Result<Vec<Condition>, String> {
        parts.iter().map(|part| self.condition_of(part)).collect()
    }

    fn node(&mut self, predicate: &SpanPredicate) -> Result<Node, String> {
        if let Some(test) = operation_test(predicate) {
            self.dictionary.operations.push(test?);
            return Ok(Node::Operation(self.dictionary.operations.len() - 1));
        }
        match predicate {
            SpanPredicate::And(parts) => Ok(Node::And(self.nodes(parts, SpanPredicate::And)?)),
            SpanPredicate::Or(parts) => Ok(Node::Or(self.nodes(parts, SpanPredicate::Or)?)),
            SpanPredicate::Not(part) => Ok(Node::Not(Box::new(self.node(part)?))),
            SpanPredicate::Exists(field) => Ok(self.existing(field)),
            SpanPredicate::Compare {
                field,
                operator,
                value,
            } => self.comparison(field, *operator, value),
        }
    }

    /// The parts of a list; those that operations decide become one, which prunes better.
    fn nodes(
        &mut self,
        parts: &[SpanPredicate],
        join: fn(Vec<SpanPredicate>) -> SpanPredicate,
    ) -> Result<Vec<Node>, String> {
        let (named, others): (Vec<_>, Vec<_>) = parts
            .iter()
            .partition(|part| operation_test(part).is_some());
        let mut nodes = Vec::with_capacity(others.len() + 1);
        if !named.is_empty() {
            nodes.push(self.node(&join(named.into_iter().cloned().collect()))?);
        }
        for part in others {
            nodes.push(self.node(part)?);
        }
        Ok(nodes)
    }

    fn existing(&mut self, field: &SpanField) -> Node {
        match field {
            SpanField::StatusMessage => Node::Message(NameTest::Exists),
            SpanField::Attribute { owner, key } => {
                self.attribute(*owner, Some(key), ValueTest::Exists)
            }
            SpanField::AnyAttribute => self.attribute(AttributeOwner::Any, None, ValueTest::Exists),
            // Every span has the other fields.
            _ => Node::And(Vec::new()),
        }
    }

    fn comparison(
        &mut self,
        field: &SpanField,
        operator: Comparison,
        value: &SearchValue,
    ) -> Result<Node, String> {
        if operator == Comparison::NotEq {
            let equal = self.comparison(field, Comparison::Eq, value)?;
            let exists = self.existing(field);
            return Ok(Node::And(vec![exists, Node::Not(Box::new(equal))]));
        }
        match (field, value) {
            (SpanField::StatusMessage, _) => Ok(Node::Message(NameTest::new(operator, value)?)),
            (SpanField::Status, SearchValue::Text(name)) => status_named(name)
                .map(|status| Node::Status(status.code().into()))
                .ok_or_else(|| format!("{name:?} is no status")),
            (SpanField::DurationNs, SearchValue::Integer(ns)) => {
                Ok(Node::Duration(operator, Number::Integer(*ns)))
            }
            (SpanField::DurationNs, SearchValue::Double(ns)) => {
                Ok(Node::Duration(operator, Number::Double(*ns)))
            }
            (SpanField::Attribute { owner, key }, _) => {
                let test = ValueTest::new(operator, value)?;
                Ok(self.attribute(*owner, Some(key), test))
            }
            (SpanField::AnyAttribute, _) => {
                let test = ValueTest::new(operator, value)?;
                Ok(self.attribute(AttributeOwner::Any, None, test))
            }
            _ => Err("a field is compared with a value of another type".to_owned()),
        }
    }

    fn attribute(&mut self, owner: AttributeOwner, key: Option<&String>, test: ValueTest) -> Node {
        let entries = key.and_then(|key| test.filter_entries(key.as_bytes()));
        let probes =
            entries.map(|entries| entries.into_iter().map(|entry| self.probe(entry)).collect());
        let number = self.attributes;
        self.attributes += 1;
        Node::Attribute(AttributeTest {
            number,
            owner,
            key: key.map(|key| key.as_bytes().into()),
            test,
            probes,
        })
    }

    fn probe(&mut self, entry: FilterEntry) -> usize {
        let known = self.probes.iter().position(|known| *known == entry);
        known.unwrap_or_else(|| {
            self.probes.push(entry);
            self.probes.len() - 1
        })
    }
}

/// The test of operations that a predicate is; none when it looks at something else too.
fn operation_test(predicate: &SpanPredicate) -> Option<Result<OperationTest, String>> {
    let all = |parts: &[SpanPredicate]| -> Option<Result<Vec<OperationTest>, String>> {
        if parts.is_empty() {
            return None;
        }
        parts.iter().map(operation_test).collect()
    };
    Some(match predicate {
        SpanPredicate::And(parts) => all(parts)?.map(OperationTest::And),
        SpanPredicate::Or(parts) => all(parts)?.map(OperationTest::Or),
        SpanPredicate::Not(part) => {
            operation_test(part)?.map(|part| OperationTest::Not(Box::new(part)))
        }
        SpanPredicate::Compare {
            field: field @ (SpanField::Name | SpanField::Kind | SpanField::Service),
            operator,
            value,
        } => operation_comparison(field, *operator, value).map(|test| {
            if *operator == Comparison::NotEq {
                OperationTest::Not(Box::new(test))
            } else {
                test
            }
        }),
        _ => return None,
    })
}

fn operation_comparison(
    field: &SpanField,
    operator: Comparison,
    value: &SearchValue,
) -> Result<OperationTest, String> {
    match (field, value) {
        (SpanField::Name, _) => Ok(OperationTest::Name(NameTest::new(operator, value)?)),
        (SpanField::Kind, SearchValue::Text(name)) => kind_named(name)
            .map(|kind| OperationTest::Kind(kind.code().into()))
            .ok_or_else(|| format!("{name:?} is no kind")),
        _ => Ok(OperationTest::Service(ValueTest::new(operator, value)?)),
    }
}
