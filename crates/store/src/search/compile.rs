//! Compiles predicates into the nodes and leaves of a plan.

use throughline_model::{
    AttributeOwner, Comparison, SearchValue, SpanField, SpanPredicate, TracePredicate, kind_named,
    status_named,
};
use throughline_wire::{StatusCode, semconv};

use super::condition::Condition;
use super::name::NameTest;
use super::number::Number;
use super::plan::{Leaf, ScanPlan};
use super::predicate::{AttributeTest, Node, OperationTest};
use super::value::ValueTest;
use crate::block::FilterEntry;

impl ScanPlan {
    pub(super) fn condition_of(&mut self, predicate: &TracePredicate) -> Result<Condition, String> {
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

    pub(super) fn node(&mut self, predicate: &SpanPredicate) -> Result<Node, String> {
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

    /// Compiles the parts of a list. Merges the parts that operations decide into one test, which
    /// prunes better.
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
            SpanField::ErrorText => self.error_text(&NameTest::Exists),
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
            (SpanField::ErrorText, _) => Ok(self.error_text(&NameTest::new(operator, value)?)),
            (SpanField::Status, SearchValue::Text(name)) => status_named(name)
                .map(|status| Node::Status(status.code().into()))
                .ok_or_else(|| format!("unknown status {name:?}")),
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
            _ => Err("the type of the value does not fit the field".to_owned()),
        }
    }

    /// Returns the test of [`SpanField::ErrorText`].
    fn error_text(&mut self, test: &NameTest) -> Node {
        let others = [
            (AttributeOwner::Event, semconv::EXCEPTION_MESSAGE),
            (AttributeOwner::Event, semconv::EXCEPTION_TYPE),
            (AttributeOwner::Span, semconv::ERROR_TYPE),
        ];
        let others = others.map(|(owner, key)| {
            self.attribute(owner, Some(&key.to_owned()), ValueTest::Name(test.clone()))
        });
        let no_message = Node::Not(Box::new(Node::Message(NameTest::Exists)));
        Node::And(vec![
            Node::Status(StatusCode::Error.code().into()),
            Node::Or(vec![
                Node::Message(test.clone()),
                Node::And(vec![no_message, Node::Or(others.into())]),
            ]),
        ])
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

    /// Returns the test of log records with an attribute of this value.
    pub(super) fn log_record_test(
        &mut self,
        key: Option<&str>,
        value: &str,
    ) -> Result<AttributeTest, String> {
        let number = self.attributes;
        self.attributes += 1;
        Ok(AttributeTest {
            number,
            owner: AttributeOwner::Any,
            key: key.map(|key| key.as_bytes().into()),
            test: ValueTest::new(Comparison::Eq, &value.into())?,
            probes: None,
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

/// Returns the operation test of a predicate. Returns `None` if the predicate also reads other
/// data.
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
            .ok_or_else(|| format!("unknown span kind {name:?}")),
        _ => Ok(OperationTest::Service(ValueTest::new(operator, value)?)),
    }
}
