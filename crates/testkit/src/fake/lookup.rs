//! Finds traces by a value or an id.

use std::collections::BTreeSet;

use throughline_model::{LookedFor, Lookup, PageRequest, Reference, TraceSummary};

use super::FakeReader;
use super::paging::page_of;
use crate::Sent;

/// Returns the traces with a span that has this attribute.
pub(super) fn by_attribute(
    reader: &FakeReader,
    key: Option<&str>,
    value: &str,
) -> Vec<TraceSummary> {
    with(reader, |sent| {
        let mut attributes = sent.span.attributes.iter();
        attributes
            .any(|(name, known)| key.is_none_or(|key| key == name) && known.as_str() == Some(value))
    })
}

fn with(reader: &FakeReader, is_wanted: impl Fn(&Sent) -> bool) -> Vec<TraceSummary> {
    let found: Vec<_> = reader.sent.iter().filter(|sent| is_wanted(sent)).collect();
    let mut traces = reader.summaries();
    traces.retain(|trace| {
        let mut found = found.iter();
        found.any(|sent| sent.span.trace_id == trace.trace_id)
    });
    traces
}

/// Returns the names of the attributes with this value, if it was found as an attribute.
fn names_of(reader: &FakeReader, value: &str, found: LookedFor) -> Vec<String> {
    let sent = reader.sent.iter().filter(|_| found == LookedFor::Attribute);
    let attributes = sent.flat_map(|sent| sent.span.attributes.iter());
    let names = attributes.filter(|(_, known)| known.as_str() == Some(value));
    let names: BTreeSet<String> = names.map(|(name, _)| name.to_owned()).collect();
    names.into_iter().collect()
}

pub(super) fn lookup(reader: &FakeReader, reference: &Reference, page: PageRequest) -> Lookup {
    let by_trace = (!reference.trace_ids().is_empty()).then(|| {
        let ids = reference.trace_ids();
        let traces = with(reader, |sent| ids.contains(&sent.span.trace_id));
        (LookedFor::TraceId, traces)
    });
    let by_value = Some((
        LookedFor::Attribute,
        by_attribute(reader, None, reference.text()),
    ));
    let by_span = reference.span_id().map(|id| {
        (
            LookedFor::SpanId,
            with(reader, |sent| sent.span.span_id == id),
        )
    });
    let mut looked_for = Vec::new();
    for (what, traces) in [by_trace, by_span, by_value].into_iter().flatten() {
        looked_for.push(what);
        if !traces.is_empty() {
            return Lookup {
                found: Some(what),
                names: names_of(reader, reference.text(), what),
                span: match what {
                    LookedFor::TraceId => reference.span_in_trace(),
                    LookedFor::SpanId => reference.span_id(),
                    LookedFor::Attribute => None,
                },
                traces: page_of(traces, page),
                looked_for,
            };
        }
    }
    Lookup {
        found: None,
        names: Vec::new(),
        span: None,
        traces: page_of(Vec::new(), page),
        looked_for,
    }
}
