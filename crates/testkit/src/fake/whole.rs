//! Builds whole traces and skeletons.

use std::collections::BTreeSet;

use throughline_model::{
    Completeness, EventsOf, OpenSpan, SkeletonSpan, StoredSpan, Trace, TraceFacts, TraceSkeleton,
    WholeEvent, WholeEvents,
};
use throughline_wire::{InstrumentationScope, Resource, TraceId, UnixNanos};

use super::FakeReader;
use crate::Sent;

pub(super) fn skeleton(reader: &FakeReader, trace_id: TraceId) -> Option<TraceSkeleton> {
    let (summary, sent) = reader.of_trace(trace_id)?;
    let mut services = Vec::new();
    let spans = sent
        .iter()
        .map(|Sent { resource, span, .. }| {
            let mut events: Vec<_> = span
                .events
                .iter()
                .map(|event| (event.time, event.name.clone().into_owned()))
                .collect();
            events.sort_by_key(|(time, _)| *time);
            SkeletonSpan {
                span_id: span.span_id,
                parent_span_id: span.parent_span_id,
                name: span.name.clone().into_owned(),
                kind: span.kind,
                service: place(&mut services, resource.service_name().into_owned()),
                start: span.start,
                duration_ns: span.duration_ns(),
                status: span.status.code,
                events,
            }
        })
        .collect();
    Some(TraceSkeleton {
        completeness: completeness_of(&sent, reader.now),
        open: open_of(reader, &sent),
        unmarked_spans: 0,
        summary,
        services,
        spans,
    })
}

pub(super) fn trace(reader: &FakeReader, trace_id: TraceId) -> Option<Trace> {
    let (summary, sent) = reader.of_trace(trace_id)?;
    let (mut resources, mut scopes) = (Vec::new(), Vec::new());
    let spans = sent
        .iter()
        .map(|sent| StoredSpan {
            span: sent.span.clone(),
            resource: place(&mut resources, (*sent.resource).clone()),
            scope: place(&mut scopes, (*sent.scope).clone()),
            received: reader.now,
        })
        .collect();
    Some(Trace {
        completeness: completeness_of(&sent, reader.now),
        open: Vec::new(),
        summary,
        resources,
        scopes,
        spans,
        after: None,
    })
}

pub(super) fn events(reader: &FakeReader, of: &EventsOf) -> WholeEvents {
    let mut whole = WholeEvents {
        scopes: vec![InstrumentationScope::default()],
        ..WholeEvents::default()
    };
    for event in reader.events.iter().rev() {
        let id = event.record.trace_id;
        let is_wanted = match of {
            EventsOf::Trace(trace_id) => id == Some(*trace_id),
            EventsOf::NoTrace { .. } => id.is_none_or(|id| reader.of_trace(id).is_none()),
        };
        if is_wanted {
            let sender = Resource::of_service(event.service.clone());
            whole.events.push(WholeEvent {
                record: event.record.clone(),
                resource: place(&mut whole.resources, sender),
                scope: 0,
            });
        }
    }
    whole
}

/// Returns the first span of a trace that was left open.
fn open_of(reader: &FakeReader, sent: &[&Sent]) -> Vec<OpenSpan> {
    let first = sent.first().into_iter();
    first
        .filter_map(|Sent { resource, span, .. }| {
            let (_, fate) = (reader.open.iter()).find(|(of, _)| *of == span.trace_id)?;
            Some(OpenSpan {
                span_id: span.span_id,
                parent_span_id: span.parent_span_id,
                name: span.name.clone().into_owned(),
                kind: span.kind,
                service: resource.service_name().into_owned(),
                start: span.start,
                seen: span.end,
                fate: *fate,
            })
        })
        .collect()
}

/// Returns the completeness of spans without sequence numbers.
fn completeness_of(sent: &[&Sent], now: UnixNanos) -> Completeness {
    let present: BTreeSet<_> = sent.iter().map(|sent| sent.span.span_id).collect();
    let parents: BTreeSet<_> = sent
        .iter()
        .filter_map(|sent| sent.span.parent_span_id)
        .collect();
    let trace = TraceFacts {
        spans: sent.len() as u64,
        absent_parents: parents.difference(&present).count() as u64,
        unnumbered: sent
            .iter()
            .map(|sent| sent.resource.service_name().into_owned())
            .collect(),
        ..TraceFacts::default()
    };
    Completeness::of(trace, &[], &[], now)
}

/// Returns the index of `item` in `list`. Adds the item if it is new.
fn place<T: PartialEq>(list: &mut Vec<T>, item: T) -> u32 {
    let at = list.iter().position(|known| *known == item);
    at.unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    }) as u32
}
