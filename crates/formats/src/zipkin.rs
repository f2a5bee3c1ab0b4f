//! Decodes Zipkin's JSON, version 2: a list of spans, as `POST /api/v2/spans` accepts it, or a list
//! of such lists, as `GET /api/v2/traces` returns it.
//!
//! Times are in microseconds. With B3 propagation, a server span may share the span id of its
//! caller. Ids and parents are kept as sent, because the other half may come in another request or
//! never. Such a server span has the attribute [`SHARED`]; the tree of a trace shows it as the
//! child of its caller. Parts of one span in a request become one span.
//!
//! Source: `zipkin2-api.yaml` of `github.com/openzipkin/zipkin-api`; OpenTelemetry specification,
//! "Zipkin exporter", in reverse.

mod endpoint;
mod parts;
mod span;
#[cfg(test)]
mod tests;
mod times;

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::value::RawValue;
use throughline_codec::context::{DecodeContext, Repairs};
use throughline_wire::{Attributes, InstrumentationScope, Resource, semconv};

use self::span::{JsonSpan, ReadSpan};
use self::times::Sent;
use crate::capped::Capped;
use crate::part::part;
use crate::request::{Group, Request};
use crate::{DecodeError, Signal};

/// The attribute of a span whose sender said that it may share the span id of its caller.
pub const SHARED: &str = "zipkin.shared";
/// The attribute with the IPv6 address of the local endpoint, if it has an IPv4 address as well.
pub const LOCAL_IPV6: &str = "zipkin.local.ipv6";
/// The attribute with the IPv6 address of the remote endpoint, if it has an IPv4 address as well.
pub const REMOTE_IPV6: &str = "zipkin.remote.ipv6";
/// The attribute of a debug span. Zipkin stores its trace regardless of sampling.
pub const DEBUG: &str = "zipkin.debug";

/// Decodes a list of spans.
///
/// # Errors
/// The body is not such a list; the error names the line and column. A span that cannot be read is
/// not an error: it becomes a rejected item.
pub fn decode(body: &[u8]) -> Result<Request, DecodeError> {
    let text = String::from_utf8_lossy(body);
    let lossy = matches!(text, Cow::Owned(_));
    let mut request = Request::default();
    let mut context = DecodeContext::for_request();
    if text.trim_ascii().is_empty() {
        return Ok(request);
    }
    let (mut spans, mut texts) = (Vec::new(), Vec::new());
    let mut read = |item| -> Result<(), DecodeError> {
        let count = spans.len();
        read(item, lossy, &mut request, &mut spans, &mut context)?;
        texts.extend((spans.len() > count).then_some(item));
        Ok(())
    };
    for item in list(&text, "the body")? {
        if item.starts_with('[') {
            for item in list(item, "a trace")? {
                read(item)?;
            }
        } else {
            read(item)?;
        }
    }
    let mut spans = parts::merge(spans, &texts);
    times::fill_in(&mut spans);
    let mut groups = Groups::default();
    for (index, span, repairs) in spans {
        if !times::has_start(&span.span) {
            let reason = "timestamp: is missing, and no annotation, ancestor or other span of its \
                          trace in the request has one";
            request.reject_at(index, reason.to_owned());
            continue;
        }
        let group = groups.of(&mut request, &span);
        group.push_at(index, span.span, repairs);
    }
    for group in groups.list {
        request.push_group(group);
    }
    Ok(request)
}

fn list<'a>(text: &'a str, what: &str) -> Result<Vec<&'a str>, DecodeError> {
    if !text.trim_ascii_start().starts_with('[') {
        let reason = format!("{what}: line 1, column 1: expected a list of spans");
        return Err(DecodeError::new(reason));
    }
    let items: Capped<'a> =
        serde_json::from_str(text).map_err(|error| DecodeError::new(format!("{what}: {error}")))?;
    Ok(items.0.into_iter().map(RawValue::get).collect())
}

/// Decodes a span. `index` is its position in the request.
fn read(
    item: &str,
    lossy: bool,
    request: &mut Request,
    spans: &mut Vec<Sent>,
    context: &mut DecodeContext,
) -> Result<(), DecodeError> {
    request
        .check_count(Signal::Traces)
        .map_err(DecodeError::new)?;
    let read = part::<JsonSpan>(item, lossy, context).and_then(|sent| span::read(sent, context));
    let repairs = context.take_repairs();
    match read {
        Ok(span) => spans.push((request.skip(), span, repairs)),
        Err(reason) => request.reject(reason),
    }
    Ok(())
}

/// The spans grouped by service and scope.
#[derive(Default)]
struct Groups {
    list: Vec<Group>,
    services: HashMap<String, usize>,
    places: HashMap<(usize, String, String), usize>,
}

impl Groups {
    fn of(&mut self, request: &mut Request, span: &ReadSpan) -> &mut Group {
        let service = &span.service;
        let resource = if let Some(resource) = self.services.get(service) {
            *resource
        } else {
            let resource = request.add_resource(resource(service), Repairs::NONE);
            self.services.insert(service.clone(), resource);
            resource
        };
        let (name, version) = (span.scope_name.clone(), span.scope_version.clone());
        let list = &mut self.list;
        let at = *self
            .places
            .entry((resource, name, version))
            .or_insert_with_key(|(resource, name, version)| {
                let scope = InstrumentationScope {
                    name: name.clone().into(),
                    version: version.clone().into(),
                    ..InstrumentationScope::default()
                };
                list.push(Group::new(*resource, scope, Repairs::NONE));
                list.len() - 1
            });
        &mut self.list[at]
    }
}

fn resource(service: &str) -> Resource {
    let mut attributes = Attributes::default();
    if !service.is_empty() {
        attributes.insert(semconv::SERVICE_NAME, service.to_owned());
    }
    Resource {
        attributes,
        ..Resource::default()
    }
}
