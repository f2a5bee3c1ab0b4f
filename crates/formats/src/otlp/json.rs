//! Decodes `ExportTraceServiceRequest` and `ExportLogsServiceRequest` from JSON, leniently and item
//! by item.
//!
//! The format is OTLP's JSON form (opentelemetry-proto, "JSON Protobuf Encoding") with the variants
//! that senders use: numbers as text or as numbers, enums by number or by name, `null` for missing
//! fields, keys in `camelCase` or `snake_case`, ids in base64, and spans by library as before OTLP
//! 0.15. Unknown fields are ignored. A bad part of a resource, a scope or an attribute costs that
//! part, and a repair says so.

mod any_value;
mod envelope;
mod id;
mod log;
mod scalar;
mod span;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde_json::value::RawValue;
use throughline_codec::context::DecodeContext;
use throughline_codec::decode::MAX_SPANS;
use throughline_codec::json::{Lenient, ReadJson, read_item};
use throughline_codec::json_struct;
use throughline_wire::{InstrumentationScope, Resource};

use self::any_value::KeyValues;
use self::envelope::{Fields, Keys};
use self::log::{JsonLogRecord, log_record};
use self::span::{JsonSpan, span};
use crate::Signal;
use crate::lenient::{Number, Text};
use crate::part::part;
use crate::request::{Group, Request};

/// The names of the fields of a signal.
struct Names {
    request: Keys,
    resource: Keys,
    scope: Keys,
}

const SCOPE: &[&str] = &["scope", "instrumentationLibrary", "instrumentation_library"];

const TRACES: Names = Names {
    request: Keys {
        lists: &["resourceSpans", "resource_spans"],
        part: &[],
    },
    resource: Keys {
        lists: &[
            "scopeSpans",
            "scope_spans",
            "instrumentationLibrarySpans",
            "instrumentation_library_spans",
        ],
        part: &["resource"],
    },
    scope: Keys {
        lists: &["spans"],
        part: SCOPE,
    },
};

const LOGS: Names = Names {
    request: Keys {
        lists: &["resourceLogs", "resource_logs"],
        part: &[],
    },
    resource: Keys {
        lists: &[
            "scopeLogs",
            "scope_logs",
            "instrumentationLibraryLogs",
            "instrumentation_library_logs",
        ],
        part: &["resource"],
    },
    scope: Keys {
        lists: &["logRecords", "log_records"],
        part: SCOPE,
    },
};

json_struct! {
    #[derive(Default)]
    struct JsonResource: "a resource object" {
        attributes: KeyValues = "attributes";
        dropped_attributes_count: Lenient<Number> = "droppedAttributesCount" | "dropped_attributes_count";
    }
}

json_struct! {
    #[derive(Default)]
    struct JsonScope: "a scope object" {
        name: Lenient<Text> = "name";
        version: Lenient<Text> = "version";
        attributes: KeyValues = "attributes";
        dropped_attributes_count: Lenient<Number> = "droppedAttributesCount" | "dropped_attributes_count";
    }
}

/// Decodes the request.
///
/// # Errors
/// The body is not such an object, or it has too many items; the error names the line and column,
/// or the field. An item that cannot be read is not an error: it becomes a rejected item.
pub(super) fn decode(signal: Signal, body: &[u8]) -> Result<Request, String> {
    let text = String::from_utf8_lossy(body);
    let lossy = matches!(text, Cow::Owned(_));
    let text = text.as_ref();
    let mut decoder = Decoder {
        signal,
        names: match signal {
            Signal::Traces => &TRACES,
            Signal::Logs => &LOGS,
        },
        lossy,
        request: Request::default(),
        context: DecodeContext::for_request(),
    };
    if !text.trim_ascii().is_empty() {
        let keys = decoder.names.request;
        let fields = Fields::read(text, keys).map_err(|error| format!("the request: {error}"))?;
        if let (true, Some(key)) = (fields.items.is_empty(), fields.not_lists.first()) {
            return Err(format!("the request: {key}: is not a list"));
        }
        for (path, raw) in decoder.items("", keys, fields)? {
            decoder.resource(&path, raw)?;
        }
    }
    Ok(decoder.request)
}

/// The state of the decoder of one request.
struct Decoder {
    signal: Signal,
    names: &'static Names,
    /// True if the body had bytes that are not UTF-8.
    lossy: bool,
    request: Request,
    context: DecodeContext,
}

impl Decoder {
    /// Decodes a resource with its scopes.
    fn resource(&mut self, path: &str, raw: &RawValue) -> Result<(), String> {
        let keys = self.names.resource;
        let Some(fields) = self.object(path, raw, keys)? else {
            return Ok(());
        };
        let sent: JsonResource = self.part(fields.part);
        let mut dropped_attributes_count = sent.dropped_attributes_count.0.count();
        let dropped = &mut dropped_attributes_count;
        let resource = Resource {
            attributes: sent.attributes.into_attributes(dropped, &mut self.context),
            dropped_attributes_count,
            schema_url: self.schema_url(&fields).into(),
        };
        let repairs = self.context.take_repairs();
        let resource = self.request.add_resource(resource, repairs);
        for (path, raw) in self.items(path, keys, fields)? {
            self.scope(&path, raw, resource)?;
        }
        self.request.drop_unused(resource);
        Ok(())
    }

    /// Decodes a scope with its items.
    fn scope(&mut self, path: &str, raw: &RawValue, resource: usize) -> Result<(), String> {
        let keys = self.names.scope;
        let Some(fields) = self.object(path, raw, keys)? else {
            return Ok(());
        };
        let sent: JsonScope = self.part(fields.part);
        let mut dropped_attributes_count = sent.dropped_attributes_count.0.count();
        let dropped = &mut dropped_attributes_count;
        let scope = InstrumentationScope {
            name: sent.name.0.0.into(),
            version: sent.version.0.0.into(),
            attributes: sent.attributes.into_attributes(dropped, &mut self.context),
            dropped_attributes_count,
            schema_url: self.schema_url(&fields).into(),
        };
        let mut group = Group::new(resource, scope, self.context.take_repairs());
        for (_, raw) in self.items(path, keys, fields)? {
            self.request.check_count(self.signal)?;
            let pushed = match self.signal {
                Signal::Traces => part::<JsonSpan>(raw.get(), self.lossy, &mut self.context)
                    .and_then(|sent| span(sent, &mut self.context))
                    .map(|span| {
                        let repairs = self.context.take_repairs();
                        self.request.push(&mut group, span, repairs);
                    }),
                Signal::Logs => part::<JsonLogRecord>(raw.get(), self.lossy, &mut self.context)
                    .and_then(|sent| log_record(sent, &mut self.context))
                    .map(|record| {
                        let repairs = self.context.take_repairs();
                        self.request.push_log(&mut group, record, repairs);
                    }),
            };
            if let Err(reason) = pushed {
                self.context.take_repairs();
                self.request.reject(reason);
            }
        }
        self.request.push_group(group);
        Ok(())
    }

    /// Reads the fields of an element. One that is not an object is rejected as an item.
    fn object<'a>(
        &mut self,
        path: &str,
        raw: &'a RawValue,
        keys: Keys,
    ) -> Result<Option<Fields<'a>>, String> {
        match Fields::read(raw.get(), keys) {
            Ok(fields) => Ok(Some(fields)),
            Err(reason) => {
                self.reject(format!("{path}: {reason}"))?;
                Ok(None)
            }
        }
    }

    /// Returns the items of an object with their paths. Rejects each value that should be a list.
    fn items<'a>(
        &mut self,
        path: &str,
        keys: Keys,
        fields: Fields<'a>,
    ) -> Result<impl Iterator<Item = (String, &'a RawValue)> + use<'a>, String> {
        let dot = if path.is_empty() { "" } else { "." };
        let name = format!(
            "{path}{dot}{}",
            keys.lists.first().copied().unwrap_or_default()
        );
        if fields.is_beyond {
            return Err(format!("{name}: more than {MAX_SPANS} of them"));
        }
        for key in fields.not_lists {
            self.reject(format!("{path}{dot}{key}: is not a list"))?;
        }
        let items = fields.items.into_iter().enumerate();
        Ok(items.map(move |(at, raw)| (format!("{name}[{at}]"), raw)))
    }

    fn reject(&mut self, reason: String) -> Result<(), String> {
        self.request.check_count(self.signal)?;
        self.request.reject(reason);
        Ok(())
    }

    /// Reads a resource or a scope. One that is not an object is empty, and a repair.
    fn part<T: Default + for<'de> ReadJson<'de>>(&mut self, raw: Option<&RawValue>) -> T {
        let Some(raw) = raw.filter(|raw| raw.get() != "null") else {
            return T::default();
        };
        part(raw.get(), self.lossy, &mut self.context).unwrap_or_else(|_| {
            self.context.repair_unreadable();
            T::default()
        })
    }

    fn schema_url(&mut self, fields: &Fields<'_>) -> String {
        let Some(raw) = fields.schema_url else {
            return String::new();
        };
        let read = read_item::<Lenient<Text>>(raw.get(), self.lossy, &mut self.context);
        read.map(|url| url.0.0).unwrap_or_default()
    }
}
