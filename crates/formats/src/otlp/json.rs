//! Decodes `ExportTraceServiceRequest` and `ExportLogsServiceRequest` from JSON, leniently and item
//! by item.
//!
//! The format is OTLP's JSON form (opentelemetry-proto, "JSON Protobuf Encoding") with the variants
//! that senders use: numbers as text or as numbers, enums by number or by name, `null` for missing
//! fields, keys in `camelCase` or `snake_case`, ids in base64, and spans by library as before OTLP
//! 0.15. Unknown fields are ignored.

mod any_value;
mod id;
mod log;
mod scalar;
mod span;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use throughline_codec::context::DecodeContext;
use throughline_codec::json_struct;
use throughline_wire::{InstrumentationScope, Resource};

use self::any_value::KeyValues;
use self::log::{JsonLogRecord, log_record};
use self::span::{JsonSpan, span};
use crate::Signal;
use crate::capped::Capped;
use crate::lenient::Number;
use crate::part::part;
use crate::request::{Group, Request};

#[derive(Deserialize)]
#[serde(expecting = "a request object")]
struct JsonRequest<'a> {
    #[serde(borrow, default, alias = "resource_spans", rename = "resourceSpans")]
    resource_spans: Capped<'a>,
    #[serde(borrow, default, alias = "resource_logs", rename = "resourceLogs")]
    resource_logs: Capped<'a>,
}

#[derive(Deserialize)]
#[serde(
    rename_all = "camelCase",
    expecting = "an object of resource and scopes"
)]
struct JsonResourceItems<'a> {
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    #[serde(
        borrow,
        default,
        alias = "scope_spans",
        alias = "instrumentationLibrarySpans"
    )]
    scope_spans: Capped<'a>,
    #[serde(borrow, default, alias = "scope_logs")]
    scope_logs: Capped<'a>,
    #[serde(default, alias = "schema_url")]
    schema_url: Option<String>,
}

json_struct! {
    #[derive(Default)]
    struct JsonResource: "a resource object" {
        attributes: KeyValues = "attributes";
        dropped_attributes_count: Number = "droppedAttributesCount" | "dropped_attributes_count";
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object of scope and items")]
struct JsonScopeItems<'a> {
    #[serde(borrow, alias = "instrumentationLibrary")]
    scope: Option<&'a RawValue>,
    #[serde(borrow, default)]
    spans: Capped<'a>,
    #[serde(borrow, default, alias = "log_records")]
    log_records: Capped<'a>,
    #[serde(default, alias = "schema_url")]
    schema_url: Option<String>,
}

json_struct! {
    #[derive(Default)]
    struct JsonScope: "a scope object" {
        name: Option<String> = "name";
        version: Option<String> = "version";
        attributes: KeyValues = "attributes";
        dropped_attributes_count: Number = "droppedAttributesCount" | "dropped_attributes_count";
    }
}

/// Decodes the request.
///
/// # Errors
/// The body is not such an object; the error names the line and column, or the field. An item that
/// cannot be read is not an error: it becomes a rejected item.
pub(super) fn decode(signal: Signal, body: &[u8]) -> Result<Request, String> {
    let text = String::from_utf8_lossy(body);
    let lossy = matches!(text, Cow::Owned(_));
    let text = text.as_ref();
    let mut request = Request::default();
    let mut context = DecodeContext::for_request();
    if text.trim_ascii().is_empty() {
        return Ok(request);
    }
    let envelope: JsonRequest<'_> = object(text, "the request")?;
    let (items, name) = match signal {
        Signal::Traces => (envelope.resource_spans, "resourceSpans"),
        Signal::Logs => (envelope.resource_logs, "resourceLogs"),
    };
    for (at, raw) in items.0.into_iter().enumerate() {
        let path = format!("{name}[{at}]");
        let items: JsonResourceItems<'_> = object(raw.get(), &path)?;
        resource_items(signal, items, &path, lossy, &mut request, &mut context)?;
    }
    Ok(request)
}

fn resource_items(
    signal: Signal,
    sent: JsonResourceItems<'_>,
    path: &str,
    lossy: bool,
    request: &mut Request,
    context: &mut DecodeContext,
) -> Result<(), String> {
    let resource: JsonResource = match sent.resource {
        Some(raw) => {
            part(raw.get(), lossy, context).map_err(|error| format!("{path}.resource: {error}"))?
        }
        None => JsonResource::default(),
    };
    let mut dropped_attributes_count = resource.dropped_attributes_count.count();
    let dropped = &mut dropped_attributes_count;
    let resource = Resource {
        attributes: resource.attributes.into_attributes(dropped, context),
        dropped_attributes_count,
        schema_url: sent.schema_url.unwrap_or_default().into(),
    };
    let resource = request.add_resource(resource, context.take_repairs());
    let (items, name) = match signal {
        Signal::Traces => (sent.scope_spans, "scopeSpans"),
        Signal::Logs => (sent.scope_logs, "scopeLogs"),
    };
    for (at, raw) in items.0.into_iter().enumerate() {
        let path = format!("{path}.{name}[{at}]");
        let sent: JsonScopeItems<'_> = object(raw.get(), &path)?;
        let scope: JsonScope = match sent.scope {
            Some(raw) => {
                part(raw.get(), lossy, context).map_err(|error| format!("{path}.scope: {error}"))?
            }
            None => JsonScope::default(),
        };
        let mut dropped_attributes_count = scope.dropped_attributes_count.count();
        let dropped = &mut dropped_attributes_count;
        let scope = InstrumentationScope {
            name: scope.name.unwrap_or_default().into(),
            version: scope.version.unwrap_or_default().into(),
            attributes: scope.attributes.into_attributes(dropped, context),
            dropped_attributes_count,
            schema_url: sent.schema_url.unwrap_or_default().into(),
        };
        let mut group = Group::new(resource, scope, context.take_repairs());
        let items = match signal {
            Signal::Traces => sent.spans,
            Signal::Logs => sent.log_records,
        };
        for raw in items.0 {
            request.check_count(signal)?;
            let pushed = match signal {
                Signal::Traces => part::<JsonSpan>(raw.get(), lossy, context)
                    .and_then(|sent| span(sent, context))
                    .map(|span| request.push(&mut group, span, context.take_repairs())),
                Signal::Logs => part::<JsonLogRecord>(raw.get(), lossy, context)
                    .and_then(|sent| log_record(sent, context))
                    .map(|record| request.push_log(&mut group, record, context.take_repairs())),
            };
            if let Err(reason) = pushed {
                context.take_repairs();
                request.reject(reason);
            }
        }
        request.push_group(group);
    }
    request.drop_unused(resource);
    Ok(())
}

/// Decodes an object whose fields borrow from `text`.
fn object<'a, T: Deserialize<'a>>(text: &'a str, what: &str) -> Result<T, String> {
    if !text.trim_ascii_start().starts_with('{') {
        return Err(format!("{what}: line 1, column 1: expected an object"));
    }
    serde_json::from_str(text).map_err(|error| format!("{what}: {error}"))
}
