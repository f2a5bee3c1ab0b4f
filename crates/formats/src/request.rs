//! A request as it was read, whichever form it came in, before and after validation.

use std::sync::Arc;

use throughline_codec::context::{Decoded, Repairs};
use throughline_codec::decode::MAX_SPANS;
use throughline_codec::group::SpanGroup;
use throughline_codec::packed::PackedSpans;
use throughline_codec::validate::{validate, validate_log, validate_resource, validate_scope};
use throughline_wire::Limits;
use throughline_wire::{
    Attributes, InstrumentationScope, LogRecord, Rejection, Resource, Span, SpanId, SpanKind,
    Status, TraceId, UnixNanos,
};

use crate::signal::Signal;

/// What a request holds.
#[derive(Debug, Default, PartialEq)]
pub struct Request {
    resources: Vec<(Resource, Repairs)>,
    groups: Vec<Group>,
    /// Spans and log records that could not be read, by their place in the request.
    pub(crate) rejected: Vec<Rejection>,
    /// Spans and log records seen so far, readable or not.
    seen: usize,
}

/// Spans and log records of one scope of one resource.
#[derive(Debug, PartialEq)]
pub(crate) struct Group {
    resource: usize,
    scope: InstrumentationScope,
    scope_repairs: Repairs,
    spans: Vec<Decoded<Span>>,
    packed: PackedSpans,
    /// Of each packed span, its place in the request.
    packed_places: Vec<usize>,
    logs: Vec<Decoded<LogRecord>>,
}

impl Group {
    pub(crate) fn new(
        resource: usize,
        scope: InstrumentationScope,
        scope_repairs: Repairs,
    ) -> Self {
        Self {
            resource,
            scope,
            scope_repairs,
            spans: Vec::new(),
            packed: PackedSpans::default(),
            packed_places: Vec::new(),
            logs: Vec::new(),
        }
    }

    /// Reserves memory for packed spans of `bytes` bytes together.
    pub(crate) fn reserve_packed(&mut self, bytes: usize) {
        self.packed.reserve(bytes);
    }

    fn is_empty(&self) -> bool {
        self.spans.is_empty() && self.packed.is_empty() && self.logs.is_empty()
    }

    /// Adds a span whose place in the request is known.
    pub(crate) fn push_at(&mut self, index: usize, item: Span, repairs: Repairs) {
        self.spans.push(Decoded {
            index,
            item,
            repairs,
        });
    }
}

/// What can be stored of a request, what cannot, and which item of the request each one was.
#[derive(Debug, Default)]
pub struct Validated {
    /// What can be stored.
    pub groups: Vec<SpanGroup>,
    /// What cannot, by its place in the request.
    pub rejected: Vec<Rejection>,
    /// Of every span in `groups`, in order, its place in the request.
    pub places: Vec<usize>,
    /// The same of every log record.
    pub event_places: Vec<usize>,
}

impl Request {
    /// Notes a resource; groups name it by the number returned.
    pub(crate) fn add_resource(&mut self, resource: Resource, repairs: Repairs) -> usize {
        self.resources.push((resource, repairs));
        self.resources.len() - 1
    }

    /// Adds a group whose items are complete. One without any leaves nothing behind: ten million
    /// empty scopes are twenty megabytes of a request, and must not become gigabytes here.
    pub(crate) fn push_group(&mut self, group: Group) {
        if !group.is_empty() {
            self.groups.push(group);
        }
    }

    /// Takes the newest resource out again when no group names it.
    pub(crate) fn drop_unused(&mut self, resource: usize) {
        if self
            .groups
            .last()
            .is_none_or(|group| group.resource != resource)
        {
            self.resources.truncate(resource);
        }
    }

    /// Adds the next span of the request to `group`.
    pub(crate) fn push(&mut self, group: &mut Group, span: Span, repairs: Repairs) {
        group.push_at(self.skip(), span, repairs);
    }

    /// Adds the next span of the request to `group` if it can be stored as it was sent: `span` is
    /// its message in OTLP protobuf. Tells whether it could.
    pub(crate) fn pack(
        &mut self,
        group: &mut Group,
        span: &[u8],
        limits: &Limits,
        now: UnixNanos,
    ) -> bool {
        let is_packed = group.packed.push_otlp(span, limits, now);
        if is_packed {
            group.packed_places.push(self.seen);
            self.seen += 1;
        }
        is_packed
    }

    /// Adds the next log record of the request to `group`.
    pub(crate) fn push_log(&mut self, group: &mut Group, item: LogRecord, repairs: Repairs) {
        group.logs.push(Decoded {
            index: self.skip(),
            item,
            repairs,
        });
    }

    /// Passes over the next item of the request, which is to be pushed later: its place.
    pub(crate) fn skip(&mut self) -> usize {
        self.seen += 1;
        self.seen - 1
    }

    /// Notes that the next item of the request cannot be read.
    pub(crate) fn reject(&mut self, reason: String) {
        let place = self.skip();
        self.reject_at(place, reason);
    }

    /// Notes that an item passed over, whose place in the request is known, cannot be read.
    pub(crate) fn reject_at(&mut self, place: usize, reason: String) {
        self.rejected.push(Rejection {
            index: place,
            reason,
        });
    }

    /// Fails when the request has as many items as one may have, readable or not.
    pub(crate) fn check_count(&self, signal: Signal) -> Result<(), String> {
        if self.seen < MAX_SPANS {
            return Ok(());
        }
        Err(format!(
            "more than {MAX_SPANS} {}s; send them in several requests",
            signal.item()
        ))
    }

    /// Repairs or rejects each span and log record.
    pub fn validate(self, limits: &Limits, now: UnixNanos) -> Validated {
        let mut validated = Validated {
            rejected: self.rejected,
            ..Validated::default()
        };
        let resources: Vec<Arc<Resource>> = self
            .resources
            .into_iter()
            .map(|(resource, repairs)| Arc::new(validate_resource(resource, limits, repairs)))
            .collect();
        for group in self.groups {
            let mut spans = Vec::with_capacity(group.spans.len());
            for Decoded {
                index,
                item,
                repairs,
            } in group.spans
            {
                match validate(item, limits, now, repairs) {
                    Ok(span) => {
                        validated.places.push(index);
                        spans.push(span);
                    }
                    Err(reason) => {
                        validated.rejected.push(Rejection {
                            index,
                            reason: reason.to_string(),
                        });
                    }
                }
            }
            validated.places.extend(group.packed_places);
            let mut events = Vec::with_capacity(group.logs.len());
            for Decoded {
                index,
                item,
                repairs,
            } in group.logs
            {
                match validate_log(item, limits, now, repairs) {
                    Ok(record) => {
                        validated.event_places.push(index);
                        events.push(record);
                    }
                    Err(reason) => {
                        validated.rejected.push(Rejection {
                            index,
                            reason: reason.to_string(),
                        });
                    }
                }
            }
            if !(spans.is_empty() && group.packed.is_empty() && events.is_empty()) {
                validated.groups.push(SpanGroup {
                    resource: Arc::clone(&resources[group.resource]),
                    scope: Arc::new(validate_scope(group.scope, limits, group.scope_repairs)),
                    spans,
                    packed: group.packed,
                    events,
                    ..SpanGroup::default()
                });
            }
        }
        validated.rejected.sort_by_key(|rejection| rejection.index);
        validated
    }
}

/// A span with placeholders for ids, to be filled in as its fields are read.
pub(crate) fn blank_span() -> Span {
    const PLACEHOLDER: &str = "ids are replaced before a span leaves its reader";
    Span {
        trace_id: TraceId::from_bytes([1; 16]).expect(PLACEHOLDER),
        span_id: SpanId::from_bytes([1; 8]).expect(PLACEHOLDER),
        parent_span_id: None,
        trace_state: "".into(),
        flags: 0,
        name: "".into(),
        kind: SpanKind::Unspecified,
        start: UnixNanos::default(),
        end: UnixNanos::default(),
        status: Status::UNSET,
        attributes: Attributes::EMPTY,
        dropped_attributes_count: 0,
        events: Vec::new(),
        dropped_events_count: 0,
        links: Vec::new(),
        dropped_links_count: 0,
        sequence: None,
    }
}
