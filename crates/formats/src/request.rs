//! A decoded request of any format, before and after validation.

use std::sync::Arc;

use throughline_codec::budget::PartBudget;
use throughline_codec::context::{Decoded, Repairs};
use throughline_codec::decode::MAX_SPANS;
use throughline_codec::group::SpanGroup;
use throughline_codec::packed::PackedSpans;
use throughline_codec::validate::{validate, validate_log, validate_resource, validate_scope};
use throughline_wire::Limits;
use throughline_wire::{
    InstrumentationScope, LogRecord, Rejection, Resource, Span, SpanId, SpanKind, TraceId,
    UnixNanos,
};

use crate::signal::Signal;

/// A decoded request.
#[derive(Debug, Default, PartialEq)]
pub struct Request {
    resources: Vec<(Resource, Repairs)>,
    groups: Vec<Group>,
    /// The spans and log records that could not be read, by their index in the request.
    pub(crate) rejected: Vec<Rejection>,
    /// The number of spans and log records so far, readable or not.
    seen: usize,
}

/// The spans and log records of one scope of one resource.
#[derive(Debug, PartialEq)]
pub(crate) struct Group {
    resource: usize,
    scope: InstrumentationScope,
    scope_repairs: Repairs,
    spans: Vec<Decoded<Span>>,
    packed: PackedSpans,
    /// The index in the request of each packed span.
    packed_indexes: Vec<usize>,
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
            packed_indexes: Vec::new(),
            logs: Vec::new(),
        }
    }

    /// Reserves memory for packed spans of `bytes` bytes in total.
    pub(crate) fn reserve_packed(&mut self, bytes: usize) {
        self.packed.reserve(bytes);
    }

    fn is_empty(&self) -> bool {
        self.spans.is_empty() && self.packed.is_empty() && self.logs.is_empty()
    }

    /// Adds a span with its index in the request.
    pub(crate) fn push_at(&mut self, index: usize, item: Span, repairs: Repairs) {
        self.spans.push(Decoded {
            index,
            item,
            repairs,
        });
    }
}

/// The result of validation: the items that can be stored, the rejected ones, and their indexes in
/// the request.
#[derive(Debug, Default)]
pub struct Validated {
    /// The items that can be stored.
    pub groups: Vec<SpanGroup>,
    /// The rejected items, by their index in the request.
    pub rejected: Vec<Rejection>,
    /// The index in the request of every span in `groups`, in order.
    pub indexes: Vec<usize>,
    /// The index in the request of every log record in `groups`, in order.
    pub event_indexes: Vec<usize>,
}

impl Request {
    /// Adds a resource and returns its index. Groups refer to it by this index.
    pub(crate) fn add_resource(&mut self, resource: Resource, repairs: Repairs) -> usize {
        self.resources.push((resource, repairs));
        self.resources.len() - 1
    }

    /// Adds a complete group. An empty group is not added: a request of 20 MB can have ten million
    /// empty scopes, which must not take gigabytes of memory.
    pub(crate) fn push_group(&mut self, group: Group) {
        if !group.is_empty() {
            self.groups.push(group);
        }
    }

    /// Removes the newest resource if no group refers to it.
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

    /// Adds the next span of the request to `group` if it can be stored as it was sent. `span` is
    /// its message in OTLP protobuf. Returns false if it must be decoded.
    pub(crate) fn pack(
        &mut self,
        group: &mut Group,
        span: &[u8],
        limits: &Limits,
        now: UnixNanos,
    ) -> bool {
        let is_packed = group.packed.push_otlp(span, limits, now);
        if is_packed {
            group.packed_indexes.push(self.seen);
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

    /// Skips the next item of the request, which is added later, and returns its index.
    pub(crate) fn skip(&mut self) -> usize {
        self.seen += 1;
        self.seen - 1
    }

    /// Rejects the next item of the request.
    pub(crate) fn reject(&mut self, reason: String) {
        let index = self.skip();
        self.reject_at(index, reason);
    }

    /// Rejects an item that was skipped earlier. `index` is its position in the request.
    pub(crate) fn reject_at(&mut self, index: usize, reason: String) {
        self.rejected.push(Rejection { index, reason });
    }

    /// Fails if the request has reached the maximum number of items, readable or not.
    pub(crate) fn check_count(&self, signal: Signal) -> Result<(), String> {
        if self.seen < MAX_SPANS {
            return Ok(());
        }
        Err(format!(
            "more than {MAX_SPANS} {}s; send them in several requests",
            signal.item()
        ))
    }

    /// Repairs or rejects each span and log record. Limits on values come from `limits`; times are
    /// compared with `now`.
    pub fn validate(self, limits: &Limits, now: UnixNanos) -> Validated {
        let mut validated = Validated {
            rejected: self.rejected,
            ..Validated::default()
        };
        let mut parts = PartBudget::for_request();
        let resources: Vec<Arc<Resource>> = self
            .resources
            .into_iter()
            .map(|(resource, repairs)| validate_resource(resource, limits, repairs, &mut parts))
            .map(Arc::new)
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
                        validated.indexes.push(index);
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
            validated.indexes.extend(group.packed_indexes);
            let mut events = Vec::with_capacity(group.logs.len());
            for Decoded {
                index,
                item,
                repairs,
            } in group.logs
            {
                match validate_log(item, limits, now, repairs) {
                    Ok(record) => {
                        validated.event_indexes.push(index);
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
                    scope: Arc::new(validate_scope(
                        group.scope,
                        limits,
                        group.scope_repairs,
                        &mut parts,
                    )),
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

/// Returns a span with placeholder ids and empty fields. The decoder sets the fields it reads.
pub(crate) fn blank_span() -> Span {
    const PLACEHOLDER: &str = "ids are replaced before a span leaves its reader";
    let trace_id = TraceId::from_bytes([1; 16]).expect(PLACEHOLDER);
    let span_id = SpanId::from_bytes([1; 8]).expect(PLACEHOLDER);
    Span {
        kind: SpanKind::Unspecified,
        ..Span::new(trace_id, span_id, UnixNanos::default())
    }
}
