//! Encodes the envelope of spans and log records: a list by resource, and within each a list by
//! scope.

use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use throughline_wire::{InstrumentationScope, LogRecord, Resource, Span};

use super::any_value::KeyValues;
use super::is_zero;
use super::log::LogRecordJson;
use super::span::SpanJson;

/// The items of one scope of one resource, to be encoded together.
#[derive(Debug, Clone)]
pub struct ItemsOf<'a, T> {
    /// The resource that made them.
    pub resource: &'a Resource,
    /// The instrumentation scope that made them.
    pub scope: &'a InstrumentationScope,
    /// The items.
    pub items: Vec<&'a T>,
}

/// An item of a request, with the names of the lists around it.
pub(super) trait Item {
    const BY_RESOURCE: &'static str;
    const BY_SCOPE: &'static str;
    const ITEMS: &'static str;
    /// Returns the item in a form that serializes as JSON.
    fn json(&self) -> impl Serialize;
}

impl Item for Span {
    const BY_RESOURCE: &'static str = "resourceSpans";
    const BY_SCOPE: &'static str = "scopeSpans";
    const ITEMS: &'static str = "spans";
    fn json(&self) -> impl Serialize {
        SpanJson::from(self)
    }
}

impl Item for LogRecord {
    const BY_RESOURCE: &'static str = "resourceLogs";
    const BY_SCOPE: &'static str = "scopeLogs";
    const ITEMS: &'static str = "logRecords";
    fn json(&self) -> impl Serialize {
        LogRecordJson::from(self)
    }
}

/// Encodes one request without a line break.
pub(super) fn encode<T: Item>(groups: &[ItemsOf<'_, T>]) -> Vec<u8> {
    // Keys are texts and no value refuses to serialize, so this cannot fail.
    serde_json::to_vec(&Request(groups)).unwrap_or_default()
}

struct Request<'a, T>(&'a [ItemsOf<'a, T>]);

impl<T: Item> Serialize for Request<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(1))?;
        object.serialize_entry(T::BY_RESOURCE, &ByResource(self.0))?;
        object.end()
    }
}

struct ByResource<'a, T>(&'a [ItemsOf<'a, T>]);

impl<T: Item> Serialize for ByResource<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let by_resource = self
            .0
            .chunk_by(|one, next| core::ptr::eq(one.resource, next.resource));
        serializer.collect_seq(by_resource.map(OfResource))
    }
}

/// Consecutive groups of the same resource; at least one.
struct OfResource<'a, T>(&'a [ItemsOf<'a, T>]);

impl<T: Item> Serialize for OfResource<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let resource = self.0[0].resource;
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("resource", &ResourceJson::from(resource))?;
        let scopes: Vec<OfScope<'_, T>> = self.0.iter().map(OfScope).collect();
        object.serialize_entry(T::BY_SCOPE, &scopes)?;
        if !resource.schema_url.is_empty() {
            object.serialize_entry("schemaUrl", &resource.schema_url)?;
        }
        object.end()
    }
}

struct OfScope<'a, T>(&'a ItemsOf<'a, T>);

impl<T: Item> Serialize for OfScope<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ItemsOf { scope, items, .. } = self.0;
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("scope", &ScopeJson::from(*scope))?;
        let items: Vec<_> = items.iter().map(|item| item.json()).collect();
        object.serialize_entry(T::ITEMS, &items)?;
        if !scope.schema_url.is_empty() {
            object.serialize_entry("schemaUrl", &scope.schema_url)?;
        }
        object.end()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceJson<'a> {
    #[serde(skip_serializing_if = "KeyValues::is_empty")]
    attributes: KeyValues<'a>,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_attributes_count: u32,
}

impl<'a> From<&'a Resource> for ResourceJson<'a> {
    fn from(resource: &'a Resource) -> Self {
        Self {
            attributes: KeyValues(&resource.attributes),
            dropped_attributes_count: resource.dropped_attributes_count,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ScopeJson<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    #[serde(skip_serializing_if = "KeyValues::is_empty")]
    attributes: KeyValues<'a>,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_attributes_count: u32,
}

impl<'a> From<&'a InstrumentationScope> for ScopeJson<'a> {
    fn from(scope: &'a InstrumentationScope) -> Self {
        Self {
            name: &scope.name,
            version: &scope.version,
            attributes: KeyValues(&scope.attributes),
            dropped_attributes_count: scope.dropped_attributes_count,
        }
    }
}
