//! Decodes Jaeger's JSON, as its UI downloads it and `GET /api/traces` returns it: `{"data":
//! [trace, ..]}`.
//!
//! It also accepts a single trace, an array of traces, and spans that contain their process, as
//! Jaeger's Elasticsearch storage has them. Times are in microseconds, so finer digits are lost.
//!
//! Fields without a counterpart in OpenTelemetry become attributes. The kind of a reference is
//! `opentracing.ref_type` of its link. The warnings of a span are [`WARNINGS`] of that span. The
//! warnings of a trace are [`TRACE_WARNINGS`] of its first span.
//!
//! Source: the structs of `github.com/jaegertracing/jaeger`, package `model/json`.

mod ids;
mod span;
mod tag;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use throughline_codec::context::{DecodeContext, Repairs};
use throughline_codec::decode::json_reason;
use throughline_codec::json::parse;
use throughline_codec::json_struct;
use throughline_wire::{InstrumentationScope, Resource, semconv};

use self::span::{JsonSpan, ReadSpan};
use self::tag::{BytesEncoding, Tags, together};
use crate::DecodeError;
use crate::lenient::Text;
use crate::part::part;
use crate::request::{Group, Request};

/// The attribute with Jaeger's warnings about a span, an array of texts.
pub const WARNINGS: &str = "jaeger.warnings";
/// The attribute with Jaeger's warnings about a trace, an array of texts on its first span.
pub const TRACE_WARNINGS: &str = "jaeger.trace.warnings";

/// A body, a trace or a span. The present fields tell which one it is.
#[derive(Deserialize)]
#[serde(expecting = "an object of Jaeger's: {\"data\"}, a trace or a span")]
struct JsonNode<'a> {
    #[serde(borrow)]
    data: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    spans: Option<Vec<&'a RawValue>>,
    #[serde(borrow, rename = "spanID")]
    span_id: Option<&'a RawValue>,
    #[serde(borrow)]
    processes: Option<&'a RawValue>,
    warnings: Option<Vec<String>>,
}

json_struct! {
    struct JsonProcess: "a process object" {
        service_name: Text = "serviceName";
        tags: Tags = "tags";
        /// Further tags, from Elasticsearch storage.
        tag: Tags = "tag";
    }
}

impl JsonProcess {
    fn into_resource(self, form: BytesEncoding, context: &mut DecodeContext) -> Resource {
        let name = Some(self.service_name.0).filter(|name| !name.is_empty());
        let name = name.map(|name| (semconv::SERVICE_NAME.into(), name.into()));
        let name = name.into_iter().collect();
        let mut resource = Resource::default();
        let dropped = &mut resource.dropped_attributes_count;
        let tags = together([self.tags, self.tag], form, name);
        resource.attributes = tags.into_attributes(dropped, context);
        resource
    }
}

/// Decodes a body in any of the shapes above.
///
/// # Errors
/// The body has none of these shapes, or the processes of a trace cannot be read. A span that
/// cannot be read is not an error: it becomes a rejected item.
pub fn decode(body: &[u8]) -> Result<Request, DecodeError> {
    let text = String::from_utf8_lossy(body);
    let mut decoder = Decoder {
        lossy: matches!(text, Cow::Owned(_)),
        context: DecodeContext::for_request(),
        request: Request::default(),
        groups: Vec::new(),
        group_at: HashMap::new(),
        nobody: None,
        own_processes: HashMap::new(),
    };
    let text = text.trim_ascii();
    if text.is_empty() {
        return Ok(decoder.request);
    }
    if text.starts_with('[') {
        let nodes: Vec<&RawValue> =
            serde_json::from_str(text).map_err(|error| DecodeError::new(error.to_string()))?;
        for (at, node) in nodes.into_iter().enumerate() {
            decoder
                .node(node.get())
                .map_err(|reason| DecodeError::new(format!("[{at}]: {reason}")))?;
        }
    } else {
        decoder.node(text).map_err(DecodeError::new)?;
    }
    Ok(decoder.finish())
}

/// The resource index, scope name and scope version that the spans of a group share.
type GroupKey = (usize, Cow<'static, str>, Cow<'static, str>);

struct Decoder {
    request: Request,
    groups: Vec<Group>,
    group_at: HashMap<GroupKey, usize>,
    lossy: bool,
    context: DecodeContext,
    /// The resource of spans without a process.
    nobody: Option<usize>,
    /// The resources of the processes that spans contain, by their text.
    own_processes: HashMap<(String, BytesEncoding), usize>,
}

impl Decoder {
    fn node(&mut self, text: &str) -> Result<(), String> {
        if !text.starts_with('{') {
            return Err("expected an object".to_owned());
        }
        let node: JsonNode<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if let Some(traces) = node.data {
            for (at, trace) in traces.into_iter().enumerate() {
                self.trace(trace.get())
                    .map_err(|reason| format!("data[{at}]: {reason}"))?;
            }
            return Ok(());
        }
        if node.span_id.is_some() {
            self.span(text, &HashMap::new(), None);
            return Ok(());
        }
        self.trace_node(node)
    }

    fn trace(&mut self, text: &str) -> Result<(), String> {
        let node = serde_json::from_str(text).map_err(|error| error.to_string())?;
        self.trace_node(node)
    }

    fn trace_node(&mut self, node: JsonNode<'_>) -> Result<(), String> {
        let Some(spans) = node.spans else {
            return Err("has neither data, spans nor spanID".to_owned());
        };
        let processes = match node.processes {
            Some(raw) => self.processes(raw)?,
            None => HashMap::new(),
        };
        let mut warnings = node.warnings.filter(|warnings| !warnings.is_empty());
        for span in spans {
            if self.span(span.get(), &processes, warnings.as_deref()) {
                warnings = None;
            }
        }
        Ok(())
    }

    /// Reads the processes of a trace and returns their resource indexes by process id.
    fn processes(&mut self, raw: &RawValue) -> Result<HashMap<String, usize>, String> {
        let sent: HashMap<String, &RawValue> = serde_json::from_str(raw.get())
            .map_err(|error| format!("processes: {}", json_reason(&error)))?;
        let mut processes = HashMap::with_capacity(sent.len());
        self.context = DecodeContext::for_request();
        for (id, raw) in sent {
            let process = parse(raw.get(), &mut self.context)
                .map_err(|error| format!("processes.{id}: {}", json_reason(&error)))?;
            processes.insert(id, self.process(process, BytesEncoding::Base64));
        }
        Ok(processes)
    }

    /// Reads the process that a span contains. Spans with the same text share their resource.
    fn own_process(&mut self, raw: &RawValue, form: BytesEncoding) -> Result<usize, String> {
        let key = (raw.get().to_owned(), form);
        if let Some(resource) = self.own_processes.get(&key) {
            return Ok(*resource);
        }
        let process = parse(raw.get(), &mut self.context)
            .map_err(|error| format!("process: {}", json_reason(&error)))?;
        let resource = self.process(process, form);
        self.own_processes.insert(key, resource);
        Ok(resource)
    }

    fn process(&mut self, process: JsonProcess, form: BytesEncoding) -> usize {
        let resource = process.into_resource(form, &mut self.context);
        let repairs = self.context.take_repairs();
        self.request.add_resource(resource, repairs)
    }

    /// Reads a span and adds it to the request. Returns false if it cannot be read.
    fn span(
        &mut self,
        text: &str,
        processes: &HashMap<String, usize>,
        trace_warnings: Option<&[String]>,
    ) -> bool {
        // Each span has its own decode budget: a file may be larger than a request, and is read
        // trace by trace.
        self.context = DecodeContext::for_request();
        let context = &mut self.context;
        let read = part(text, self.lossy, context).and_then(|mut sent: JsonSpan| {
            let own = sent.process.take();
            let process = sent.process_id.take();
            let form = BytesEncoding::of(own.is_some(), process.is_some());
            let span = span::read(sent, form, context)?;
            let repairs = context.take_repairs();
            Ok((span, repairs, own, process, form))
        });
        let (mut read, repairs, own, process, form) = match read {
            Ok(read) => read,
            Err(reason) => {
                self.request.reject(reason);
                return false;
            }
        };
        if let Some(warnings) = trace_warnings {
            let texts = warnings.iter().map(|text| text.clone().into()).collect();
            read.span.attributes.insert(
                TRACE_WARNINGS,
                throughline_wire::AttributeValue::Array(texts),
            );
        }
        let resource = match (own, process.and_then(|id| processes.get(&id))) {
            (Some(own), _) => self.own_process(&own, form),
            (None, Some(resource)) => Ok(*resource),
            (None, None) => Ok(self.nobody()),
        };
        let resource = match resource {
            Ok(resource) => resource,
            Err(reason) => {
                self.request.reject(reason);
                return false;
            }
        };
        let group = self.group(resource, &mut read);
        self.request
            .push(&mut self.groups[group], read.span, repairs);
        true
    }

    fn nobody(&mut self) -> usize {
        let request = &mut self.request;
        *self
            .nobody
            .get_or_insert_with(|| request.add_resource(Resource::default(), Repairs::NONE))
    }

    fn group(&mut self, resource: usize, read: &mut ReadSpan) -> usize {
        let name = core::mem::take(&mut read.scope_name);
        let version = core::mem::take(&mut read.scope_version);
        let groups = &mut self.groups;
        *self
            .group_at
            .entry((resource, name, version))
            .or_insert_with_key(|(resource, name, version)| {
                let scope = InstrumentationScope {
                    name: name.clone(),
                    version: version.clone(),
                    ..InstrumentationScope::default()
                };
                groups.push(Group::new(*resource, scope, Repairs::NONE));
                groups.len() - 1
            })
    }

    fn finish(mut self) -> Request {
        for group in self.groups {
            self.request.push_group(group);
        }
        self.request
    }
}
