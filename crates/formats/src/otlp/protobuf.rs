//! Decodes `ExportTraceServiceRequest` and `ExportLogsServiceRequest` from protobuf, item by item.
//!
//! The two messages differ in their items only. Their field numbers are the same.
//!
//! The decoder is written by hand on `throughline_codec::binary`. A generated decoder rejects the
//! whole request for one string that is not UTF-8 or one value that is nested too deep.

mod entries;
mod lenient;
mod log;

pub use entries::Entry;
pub(super) use entries::entries;

use throughline_codec::binary::{BinaryError, BinaryErrorKind, Reader, event, link};
use throughline_codec::budget::LIST_ITEMS;
use throughline_codec::context::DecodeContext;
use throughline_codec::pairs::Pairs;
use throughline_wire::Limits;
use throughline_wire::{
    InstrumentationScope, Repair, Resource, Span, SpanId, SpanKind, SpanLink, Status, StatusCode,
    TraceId, UnixNanos,
};

use self::lenient::{count, next_field, pair, part, text};
use crate::Signal;
use crate::request::{Group, Request};

/// The field of a resource with spans or log records by instrumentation library.
const LIBRARY_ITEMS: u32 = 1000;

/// The inputs of validation, for the spans that can be packed.
#[derive(Clone, Copy)]
pub(super) struct Packing<'a> {
    pub(super) limits: &'a Limits,
    pub(super) now: UnixNanos,
}

/// Decodes the request.
///
/// # Errors
/// The bytes are not such a message; the error names the offset. An item that cannot be read is not
/// an error: it becomes a rejected item. A bad part of a resource or a scope costs that part.
pub(super) fn decode(
    signal: Signal,
    body: &[u8],
    packing: Option<Packing<'_>>,
) -> Result<Request, String> {
    let mut request = Request::default();
    let mut context = DecodeContext::for_request();
    read_request(
        signal,
        Reader::new(body),
        packing,
        &mut request,
        &mut context,
    )
    .map_err(|fault| match fault {
        Fault::Malformed(error) => error.to_string(),
        Fault::TooMany(reason) => reason,
    })?;
    Ok(request)
}

/// The reason why the whole request is rejected.
enum Fault {
    Malformed(BinaryError),
    TooMany(String),
}

impl From<BinaryError> for Fault {
    fn from(error: BinaryError) -> Self {
        Self::Malformed(error)
    }
}

fn read_request(
    signal: Signal,
    mut reader: Reader<'_>,
    packing: Option<Packing<'_>>,
    request: &mut Request,
    context: &mut DecodeContext,
) -> Result<(), Fault> {
    while let Some(field) = reader.next_field()? {
        if field.number() == 1 {
            resource_items(signal, field.message()?, packing, request, context)?;
        }
    }
    Ok(())
}

fn resource_items(
    signal: Signal,
    reader: Reader<'_>,
    packing: Option<Packing<'_>>,
    request: &mut Request,
    context: &mut DecodeContext,
) -> Result<(), Fault> {
    let mut resource = Resource::default();
    let mut schema_url = "".into();
    // The resource may follow its items, so find it in a first pass.
    let mut fields = reader;
    while let Some(field) = fields.next_field()? {
        match field.number() {
            1 => resource = part(field, context, read_resource),
            3 => schema_url = text(field, context),
            _ => {}
        }
    }
    resource.schema_url = schema_url;
    let resource = request.add_resource(resource, context.take_repairs());
    let mut fields = reader;
    while let Some(field) = fields.next_field()? {
        // Before OTLP 0.15 the spans were in field 1000, by instrumentation library.
        if matches!(field.number(), 2 | LIBRARY_ITEMS) {
            let message = field.message()?;
            scope_items(signal, message, resource, packing, request, context)?;
        }
    }
    request.drop_unused(resource);
    Ok(())
}

fn read_resource(mut reader: Reader<'_>, context: &mut DecodeContext) -> Resource {
    let mut resource = Resource::default();
    let mut pairs = Pairs::default();
    while let Some(field) = next_field(&mut reader, context) {
        match field.number() {
            1 => pair(field, &mut pairs, context),
            2 => resource.dropped_attributes_count = count(field, context),
            _ => {}
        }
    }
    let dropped = &mut resource.dropped_attributes_count;
    resource.attributes = pairs.into_set().into_attributes(dropped, context);
    resource
}

fn scope_items(
    signal: Signal,
    reader: Reader<'_>,
    resource: usize,
    packing: Option<Packing<'_>>,
    request: &mut Request,
    context: &mut DecodeContext,
) -> Result<(), Fault> {
    let mut scope = InstrumentationScope::default();
    let mut schema_url = "".into();
    let mut fields = reader;
    while let Some(field) = fields.next_field()? {
        match field.number() {
            1 => scope = part(field, context, read_scope),
            3 => schema_url = text(field, context),
            _ => {}
        }
    }
    scope.schema_url = schema_url;
    let mut group = Group::new(resource, scope, context.take_repairs());
    if packing.is_some() {
        // The packed copies of the spans are at most as long as the spans.
        group.reserve_packed(reader.bytes().len());
    }
    let mut fields = reader;
    while let Some(field) = fields.next_field()? {
        if field.number() == 2 {
            request.check_count(signal).map_err(Fault::TooMany)?;
            let item = match field.message() {
                Ok(item) => item,
                Err(error) => {
                    request.reject(error.to_string());
                    continue;
                }
            };
            if let Some(Packing { limits, now }) = packing
                && request.pack(&mut group, item.bytes(), limits, now)
            {
                continue;
            }
            let pushed = match signal {
                Signal::Traces => span(item, context)
                    .map(|span| request.push(&mut group, span, context.take_repairs())),
                Signal::Logs => log::log_record(item, context)
                    .map(|record| request.push_log(&mut group, record, context.take_repairs())),
            };
            if let Err(error) = pushed {
                context.take_repairs();
                request.reject(match error.kind {
                    kind @ BinaryErrorKind::Id { .. } => kind.to_string(),
                    _ => error.to_string(),
                });
            }
        }
    }
    request.push_group(group);
    Ok(())
}

fn read_scope(mut reader: Reader<'_>, context: &mut DecodeContext) -> InstrumentationScope {
    let mut scope = InstrumentationScope::default();
    let mut pairs = Pairs::default();
    while let Some(field) = next_field(&mut reader, context) {
        match field.number() {
            1 => scope.name = text(field, context),
            2 => scope.version = text(field, context),
            3 => pair(field, &mut pairs, context),
            4 => scope.dropped_attributes_count = count(field, context),
            _ => {}
        }
    }
    let dropped = &mut scope.dropped_attributes_count;
    scope.attributes = pairs.into_set().into_attributes(dropped, context);
    scope
}

fn time(ns: u64) -> UnixNanos {
    // The store has no instants beyond the year 2262. Validation reports this one.
    UnixNanos::from_u64(ns).unwrap_or(UnixNanos::new(i64::MAX))
}

fn span(mut reader: Reader<'_>, context: &mut DecodeContext) -> Result<Span, BinaryError> {
    let mut trace_id: &[u8] = &[];
    let mut span_id: &[u8] = &[];
    let mut parent_span_id: &[u8] = &[];
    let start_of_message = reader.offset();
    let mut pairs = Pairs::default();
    // The ids are placeholders and are replaced below.
    let mut span = crate::request::blank_span();
    let mut events_beyond: u32 = 0;
    while let Some(field) = reader.next_field()? {
        match field.number() {
            1 => trace_id = field.bytes()?,
            2 => span_id = field.bytes()?,
            3 => span.trace_state = field.message()?.text(&mut context.repairs.kinds),
            4 => parent_span_id = field.bytes()?,
            5 => span.name = field.message()?.text(&mut context.repairs.kinds),
            6 => span.kind = SpanKind::from_code(field.varint()? as i64),
            7 => span.start = time(field.fixed64()?),
            8 => span.end = time(field.fixed64()?),
            9 => pair(field, &mut pairs, context),
            10 => span.dropped_attributes_count = field.uint32()?,
            11 => {
                let message = field.message()?;
                if span.events.len() < LIST_ITEMS && context.budget.take() {
                    span.events.push(event::decode(message, context)?);
                } else {
                    context.repair(Repair::EventsDropped);
                    events_beyond = events_beyond.saturating_add(1);
                }
            }
            12 => span.dropped_events_count = field.uint32()?,
            13 => {
                let message = field.message()?;
                let is_read = span.links.len() < LIST_ITEMS && context.budget.take();
                if let Some(link) = is_read
                    .then(|| read_link(message, context))
                    .transpose()?
                    .flatten()
                {
                    span.links.push(link);
                } else {
                    context.repair(Repair::LinksDropped);
                    span.dropped_links_count = span.dropped_links_count.saturating_add(1);
                }
            }
            14 => {
                let dropped = field.uint32()?;
                span.dropped_links_count = span.dropped_links_count.saturating_add(dropped);
            }
            15 => span.status = status(field.message()?, context)?,
            16 => span.flags = field.fixed32()?,
            _ => {}
        }
    }
    let wrong = |field, error| BinaryError {
        offset: start_of_message,
        kind: BinaryErrorKind::Id { field, error },
    };
    span.trace_id = TraceId::from_slice(trace_id).map_err(|error| wrong("trace_id", error))?;
    span.span_id = SpanId::from_slice(span_id).map_err(|error| wrong("span_id", error))?;
    span.parent_span_id = match parent_span_id {
        // Some senders write zeros for the missing parent of a root span.
        [] | [0, 0, 0, 0, 0, 0, 0, 0] => None,
        id => Some(SpanId::from_slice(id).map_err(|error| wrong("parent_span_id", error))?),
    };
    let dropped = &mut span.dropped_attributes_count;
    span.attributes = pairs.into_set().into_attributes(dropped, context);
    span.dropped_events_count = span.dropped_events_count.saturating_add(events_beyond);
    Ok(span)
}

/// Decodes a link, or returns `None` if one of its ids is invalid.
fn read_link(
    message: Reader<'_>,
    context: &mut DecodeContext,
) -> Result<Option<SpanLink>, BinaryError> {
    match link::decode(message, context) {
        Ok(link) => Ok(Some(link)),
        Err(BinaryError {
            kind: BinaryErrorKind::Id { .. },
            ..
        }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn status(mut reader: Reader<'_>, context: &mut DecodeContext) -> Result<Status, BinaryError> {
    let mut status = Status::UNSET;
    while let Some(field) = reader.next_field()? {
        match field.number() {
            2 => status.message = field.message()?.text(&mut context.repairs.kinds),
            3 => status.code = StatusCode::from_code(field.varint()? as i64),
            _ => {}
        }
    }
    Ok(status)
}
