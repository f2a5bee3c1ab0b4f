//! Random predicates of every kind.

use throughline_model::{
    AttributeOwner, CheckedPredicate, Comparison, SearchValue, SpanField, SpanPredicate,
    TracePredicate,
};
use throughline_testkit::Ids;

use super::spans::{KEYS, below, word};

const OWNERS: [AttributeOwner; 5] = [
    AttributeOwner::Any,
    AttributeOwner::Span,
    AttributeOwner::Event,
    AttributeOwner::Resource,
    AttributeOwner::Scope,
];

/// Returns a comparison, a predicate over a span or one over a trace, in rotation.
pub(super) fn predicate(ids: &mut Ids, turn: usize) -> CheckedPredicate {
    let predicate = match turn % 3 {
        0 => TracePredicate::Has(comparison(ids)),
        1 => TracePredicate::Has(span_predicate(ids, 2)),
        _ => trace_predicate(ids, 2),
    };
    CheckedPredicate::new(predicate).expect("is within the limits")
}

fn compare(field: SpanField, operator: Comparison, value: impl Into<SearchValue>) -> SpanPredicate {
    SpanPredicate::compare(field, operator, value)
}

fn comparison(ids: &mut Ids) -> SpanPredicate {
    let text = [
        Comparison::Eq,
        Comparison::NotEq,
        Comparison::StartsWith,
        Comparison::Contains,
        Comparison::Matches,
    ][below(ids, 5)];
    let order = [
        Comparison::Eq,
        Comparison::NotEq,
        Comparison::Less,
        Comparison::LessEq,
        Comparison::Greater,
        Comparison::GreaterEq,
    ][below(ids, 6)];
    let equal = [Comparison::Eq, Comparison::NotEq][below(ids, 2)];
    match ids.below(14) {
        0 => compare(
            SpanField::Name,
            text,
            ["GET /cart", "ca", "put", "k$", "är", "οδος"][below(ids, 6)],
        ),
        1 => compare(
            SpanField::Kind,
            equal,
            ["server", "client", "consumer"][below(ids, 3)],
        ),
        2 => compare(
            SpanField::Service,
            text,
            ["shop", "data", "a"][below(ids, 3)],
        ),
        3 => compare(SpanField::Status, equal, ["error", "unset"][below(ids, 2)]),
        4 => compare(
            [SpanField::StatusMessage, SpanField::ErrorText][below(ids, 2)].clone(),
            text,
            ["cart", "TIMED", "ÄRGER", "o"][below(ids, 4)],
        ),
        5 => compare(SpanField::DurationNs, order, ids.below(1_000) as i64),
        6 => SpanPredicate::Exists(
            [SpanField::StatusMessage, SpanField::ErrorText][below(ids, 2)].clone(),
        ),
        7 => {
            let text = [text, Comparison::Eq][below(ids, 2)];
            let whole = format!("{}{}", "o".repeat(9_000), word(ids));
            let wanted = [whole.as_str(), "oor", "ooo", "t$", "… \\["][below(ids, 5)];
            compare(attribute(AttributeOwner::Any, "body"), text, wanted)
        }
        8 => compare(SpanField::AnyAttribute, text, word(ids)),
        9 => SpanPredicate::Exists(field(ids)),
        10 => compare(field(ids), order, ids.below(9) as i64),
        11 => compare(field(ids), order, ids.below(6) as f64 / 2.0),
        12 => compare(field(ids), equal, ids.below(2) == 0),
        _ => compare(field(ids), text, word(ids)),
    }
}

fn attribute(owner: AttributeOwner, key: &str) -> SpanField {
    SpanField::Attribute {
        owner,
        key: key.to_owned(),
    }
}

fn field(ids: &mut Ids) -> SpanField {
    attribute(OWNERS[below(ids, 5)], KEYS[below(ids, 5)])
}

fn span_predicate(ids: &mut Ids, depth: u32) -> SpanPredicate {
    let parts = |ids: &mut Ids| {
        (0..=ids.below(2))
            .map(|_| span_predicate(ids, depth - 1))
            .collect()
    };
    match if depth == 0 { 9 } else { ids.below(8) } {
        0 | 1 => SpanPredicate::And(parts(ids)),
        2 => SpanPredicate::Or(parts(ids)),
        3 => SpanPredicate::Not(Box::new(span_predicate(ids, depth - 1))),
        _ => comparison(ids),
    }
}

fn trace_predicate(ids: &mut Ids, depth: u32) -> TracePredicate {
    let parts = |ids: &mut Ids| {
        (0..=ids.below(2))
            .map(|_| trace_predicate(ids, depth - 1))
            .collect()
    };
    match if depth == 0 { 9 } else { ids.below(8) } {
        0 | 1 => TracePredicate::And(parts(ids)),
        2 => TracePredicate::Or(parts(ids)),
        3 => TracePredicate::Not(Box::new(trace_predicate(ids, depth - 1))),
        _ => TracePredicate::Has(span_predicate(ids, 2)),
    }
}
