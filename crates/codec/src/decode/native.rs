//! Decodes the objects of a native batch within the budget of the request.

use std::borrow::Cow;

use throughline_wire::{
    InstrumentationScope, LogRecord, Repair, Resource, Span, SpanEvent, SpanId, SpanKind, SpanLink,
    SpanStart, Status, TraceId, UnixNanos,
};

use crate::context::DecodeContext;
use crate::json::{FirstItems, Lenient, LenientAttributes, NativeAttributes, NativeValue};
use crate::json_struct;

/// An object that becomes a type of `throughline_wire`.
pub(super) trait Native {
    /// The type of `throughline_wire`.
    type Item;

    /// Converts the object and records what the budget left out.
    fn into_item(self, context: &mut DecodeContext) -> Self::Item;
}

json_struct! {
    #[derive(Default)]
    pub(super) struct NativeResource: "a resource object" {
        attributes: LenientAttributes = "attributes";
        dropped_attributes_count: Lenient<u32> = "dropped_attributes_count";
        schema_url: Lenient<Cow<'static, str>> = "schema_url";
    }
}

json_struct! {
    #[derive(Default)]
    pub(super) struct NativeScope: "a scope object" {
        name: Lenient<Cow<'static, str>> = "name";
        version: Lenient<Cow<'static, str>> = "version";
        attributes: LenientAttributes = "attributes";
        dropped_attributes_count: Lenient<u32> = "dropped_attributes_count";
        schema_url: Lenient<Cow<'static, str>> = "schema_url";
    }
}

json_struct! {
    pub(super) struct NativeSpan: "a span object" {
        trace_id: TraceId = "trace_id", required;
        span_id: SpanId = "span_id", required;
        parent_span_id: Option<SpanId> = "parent_span_id";
        trace_state: Cow<'static, str> = "trace_state";
        flags: u32 = "flags";
        name: Cow<'static, str> = "name", required;
        kind: SpanKind = "kind";
        start: UnixNanos = "start_ns", required;
        end: UnixNanos = "end_ns", required;
        status: Status = "status";
        attributes: NativeAttributes = "attributes";
        dropped_attributes_count: u32 = "dropped_attributes_count";
        events: FirstItems<NativeEvent> = "events";
        dropped_events_count: u32 = "dropped_events_count";
        links: FirstItems<NativeLink> = "links";
        dropped_links_count: u32 = "dropped_links_count";
        sequence: Option<u64> = "sequence";
    }
}

json_struct! {
    pub(super) struct NativeEvent: "an event object" {
        time: UnixNanos = "time_ns", required;
        name: Cow<'static, str> = "name", required;
        attributes: NativeAttributes = "attributes";
        dropped_attributes_count: u32 = "dropped_attributes_count";
    }
}

json_struct! {
    pub(super) struct NativeLink: "a link object" {
        trace_id: TraceId = "trace_id", required;
        span_id: SpanId = "span_id", required;
        trace_state: Cow<'static, str> = "trace_state";
        flags: u32 = "flags";
        attributes: NativeAttributes = "attributes";
        dropped_attributes_count: u32 = "dropped_attributes_count";
    }
}

json_struct! {
    pub(super) struct NativeStart: "a start object" {
        trace_id: TraceId = "trace_id", required;
        span_id: SpanId = "span_id", required;
        parent_span_id: Option<SpanId> = "parent_span_id";
        flags: u32 = "flags";
        name: Cow<'static, str> = "name", required;
        kind: SpanKind = "kind";
        start: UnixNanos = "start_ns", required;
        attributes: NativeAttributes = "attributes";
        sequence: Option<u64> = "sequence";
    }
}

json_struct! {
    pub(super) struct NativeLog: "a log record object" {
        time: UnixNanos = "time_ns";
        observed: UnixNanos = "observed_ns";
        trace_id: Option<TraceId> = "trace_id";
        span_id: Option<SpanId> = "span_id";
        parent_span_id: Option<SpanId> = "parent_span_id";
        flags: u32 = "flags";
        severity_number: i64 = "severity_number";
        severity_text: Cow<'static, str> = "severity_text";
        event_name: Cow<'static, str> = "event_name";
        body: NativeValue = "body";
        attributes: NativeAttributes = "attributes";
        dropped_attributes_count: u32 = "dropped_attributes_count";
    }
}

impl Native for NativeResource {
    type Item = Resource;

    fn into_item(mut self, context: &mut DecodeContext) -> Resource {
        let dropped = &mut self.dropped_attributes_count.0;
        Resource {
            attributes: self.attributes.into_attributes(dropped, context),
            dropped_attributes_count: self.dropped_attributes_count.0,
            schema_url: self.schema_url.0,
        }
    }
}

impl Native for NativeScope {
    type Item = InstrumentationScope;

    fn into_item(mut self, context: &mut DecodeContext) -> InstrumentationScope {
        let dropped = &mut self.dropped_attributes_count.0;
        InstrumentationScope {
            attributes: self.attributes.into_attributes(dropped, context),
            dropped_attributes_count: self.dropped_attributes_count.0,
            name: self.name.0,
            version: self.version.0,
            schema_url: self.schema_url.0,
        }
    }
}

impl Native for NativeSpan {
    type Item = Span;

    fn into_item(mut self, context: &mut DecodeContext) -> Span {
        let dropped = &mut self.dropped_attributes_count;
        let attributes = self.attributes.into_attributes(dropped, context);
        let events = &mut self.dropped_events_count;
        context.drop_items(self.events.beyond, events, Repair::EventsDropped);
        let links = &mut self.dropped_links_count;
        context.drop_items(self.links.beyond, links, Repair::LinksDropped);
        Span {
            trace_id: self.trace_id,
            span_id: self.span_id,
            parent_span_id: self.parent_span_id,
            trace_state: self.trace_state,
            flags: self.flags,
            name: self.name,
            kind: self.kind,
            start: self.start,
            end: self.end,
            status: self.status,
            attributes,
            dropped_attributes_count: self.dropped_attributes_count,
            events: into_items(self.events.items, context),
            dropped_events_count: self.dropped_events_count,
            links: into_items(self.links.items, context),
            dropped_links_count: self.dropped_links_count,
            sequence: self.sequence,
        }
    }
}

fn into_items<T: Native>(items: Vec<T>, context: &mut DecodeContext) -> Vec<T::Item> {
    items
        .into_iter()
        .map(|item| item.into_item(context))
        .collect()
}

impl Native for NativeEvent {
    type Item = SpanEvent;

    fn into_item(mut self, context: &mut DecodeContext) -> SpanEvent {
        let dropped = &mut self.dropped_attributes_count;
        SpanEvent {
            attributes: self.attributes.into_attributes(dropped, context),
            dropped_attributes_count: self.dropped_attributes_count,
            time: self.time,
            name: self.name,
        }
    }
}

impl Native for NativeLink {
    type Item = SpanLink;

    fn into_item(mut self, context: &mut DecodeContext) -> SpanLink {
        let dropped = &mut self.dropped_attributes_count;
        SpanLink {
            attributes: self.attributes.into_attributes(dropped, context),
            dropped_attributes_count: self.dropped_attributes_count,
            trace_id: self.trace_id,
            span_id: self.span_id,
            trace_state: self.trace_state,
            flags: self.flags,
        }
    }
}

impl Native for NativeStart {
    type Item = SpanStart;

    fn into_item(self, context: &mut DecodeContext) -> SpanStart {
        SpanStart {
            trace_id: self.trace_id,
            span_id: self.span_id,
            parent_span_id: self.parent_span_id,
            flags: self.flags,
            name: self.name,
            kind: self.kind,
            start: self.start,
            // A start has no count of dropped attributes; its ended span will have one.
            attributes: self.attributes.into_attributes(&mut 0, context),
            sequence: self.sequence,
        }
    }
}

impl Native for NativeLog {
    type Item = LogRecord;

    fn into_item(mut self, context: &mut DecodeContext) -> LogRecord {
        let dropped = &mut self.dropped_attributes_count;
        LogRecord {
            attributes: self.attributes.into_attributes(dropped, context),
            dropped_attributes_count: self.dropped_attributes_count,
            time: self.time,
            observed: self.observed,
            trace_id: self.trace_id,
            span_id: self.span_id,
            parent_span_id: self.parent_span_id,
            flags: self.flags,
            severity_number: LogRecord::severity_from_code(self.severity_number),
            severity_text: self.severity_text,
            event_name: self.event_name,
            body: self.body.0,
        }
    }
}
