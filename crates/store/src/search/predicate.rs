//! Compiled predicates over one span.

use throughline_model::{AttributeOwner, Comparison};

use super::name::NameTest;
use super::number::Number;
use super::value::ValueTest;

/// A compiled predicate over spans.
#[derive(Debug)]
pub(super) enum Node {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    /// The operation passes the dictionary test with this index.
    Operation(usize),
    /// The status has this code.
    Status(i16),
    Message(NameTest),
    Duration(Comparison, Number),
    SpanId(i64),
    Attribute(AttributeTest),
}

impl Node {
    /// Adds the attribute tests of this node to `tests`.
    pub(super) fn attribute_tests<'a>(&'a self, tests: &mut Vec<&'a AttributeTest>) {
        match self {
            Self::And(parts) | Self::Or(parts) => {
                for part in parts {
                    part.attribute_tests(tests);
                }
            }
            Self::Not(part) => part.attribute_tests(tests),
            Self::Attribute(test) => tests.push(test),
            _ => {}
        }
    }
}

/// A comparison of attributes.
#[derive(Debug)]
pub(super) struct AttributeTest {
    /// The number of the test in the plan.
    pub number: u32,
    pub owner: AttributeOwner,
    /// The attribute name. `None` matches any attribute.
    pub key: Option<Box<[u8]>>,
    pub test: ValueTest,
    /// The probes of which a filter must contain at least one if an attribute of a span or an event
    /// passes.
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

/// A test of operations that the dictionary can resolve.
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
