//! Builds the plan of a trace filter.

use throughline_model::{
    Comparison, OperationMatch, ReadError, SpanField, SpanPredicate, TraceFilter, TracePredicate,
};
use throughline_wire::semconv;

use super::plan::{ReferenceTo, ScanPlan};
use crate::indexed_text::{MAX_CHARS, MAX_SESSION_CHARS, beginning};

/// Returns the plan of the span conditions of a filter. [`RowSelection`](super::RowSelection) has
/// the conditions on the row of a trace. The plan also uses some of these to find traces by their
/// spans.
///
/// # Errors
/// Returns [`ReadError::Invalid`] if a condition is invalid.
pub(crate) fn plan_of(filter: &TraceFilter) -> Result<ScanPlan, ReadError> {
    // The pattern names every field, so that the compiler reports a new condition.
    let TraceFilter {
        range: _,
        service,
        operation,
        kind,
        status: _,
        min_duration_ns: _,
        max_duration_ns: _,
        min_spans: _,
        max_spans: _,
        user,
        session,
        correlation,
        error,
        is_pinned,
        attributes,
    } = filter;
    let mut plan = ScanPlan::new();
    let mut named: Vec<SpanPredicate> = operation.iter().map(operation_predicate).collect();
    named.extend(
        kind.map(|kind| SpanPredicate::compare(SpanField::Kind, Comparison::Eq, kind.as_str())),
    );
    if !named.is_empty() {
        plan.require(&TracePredicate::Has(SpanPredicate::And(named)))?;
    }
    if let Some(text) = error {
        let contains =
            SpanPredicate::compare(SpanField::ErrorText, Comparison::Contains, text.as_str());
        plan.require(&TracePredicate::Has(contains))?;
    }
    for condition in attributes {
        let predicate = SpanPredicate::attribute(&condition.key, condition.value.as_str());
        plan.require(&TracePredicate::Has(predicate))?;
    }
    if let Some(value) = correlation {
        let keys = semconv::INDEXED.iter();
        let any = keys.map(|key| SpanPredicate::attribute(*key, value.as_str()));
        plan.require_reference(ReferenceTo {
            attributes: &SpanPredicate::Or(any.collect()),
            log_records: None,
            correlation: Some(value),
            span_id: None,
        })?;
    }
    let users = [semconv::USER_ID, semconv::ENDUSER_ID];
    for (text, keys, most) in [
        (user, users.as_slice(), MAX_CHARS),
        (session, [semconv::SESSION_ID].as_slice(), MAX_SESSION_CHARS),
    ] {
        let Some(text) = text else {
            continue;
        };
        let any = keys
            .iter()
            .map(|key| SpanPredicate::attribute(*key, text.as_str()));
        let predicate = SpanPredicate::Or(any.collect());
        if beginning(text, most - 1).len() < text.len() {
            // The row may have only the beginning of the value, so the spans must be checked.
            plan.require(&TracePredicate::Has(predicate))?;
        } else {
            plan.imply(&predicate)?;
        }
    }
    if let Some(service) = service {
        plan.imply_service(service)?;
    }
    if *is_pinned {
        plan.imply_pinned()?;
    }
    Ok(plan)
}

fn operation_predicate(operation: &OperationMatch) -> SpanPredicate {
    let (comparison, text) = match operation {
        OperationMatch::Contains(text) => (Comparison::Contains, text),
        OperationMatch::Prefix(text) => (Comparison::StartsWith, text),
        OperationMatch::Exact(text) => (Comparison::Eq, text),
    };
    SpanPredicate::compare(SpanField::Name, comparison, text.as_str())
}
