//! The resources and scopes of a batch: each is encoded once, however many groups share it.

use std::collections::{HashMap, HashSet};

use throughline_codec::binary;
use throughline_wire::{InstrumentationScope, Resource};

use super::dictionary::{CommittedEntries, DictionaryTable, Entry, EntryRow};
use crate::ids;

/// The ids of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProcessIds {
    pub service_id: i64,
    pub resource_id: i64,
}

/// Collects the dictionary entries of one batch.
///
/// The groups of a request share their resource, and equal scopes, by reference. The address
/// identifies them: encoding and hashing a resource of a megabyte for each of 100,000 groups takes
/// minutes, and an entry for each of them takes 100 GB.
#[derive(Debug)]
pub(super) struct SharedParts<'a> {
    tenant: [u8; 16],
    known: &'a CommittedEntries,
    /// By address. The batch is borrowed as long as these are in use, so no address is reused.
    processes: HashMap<*const Resource, ProcessIds>,
    scopes: HashMap<*const InstrumentationScope, i64>,
    /// The entries that are already listed.
    listed: HashSet<(DictionaryTable, i64)>,
    entries: Vec<Entry>,
}

impl<'a> SharedParts<'a> {
    /// Creates an empty list for a batch of `tenant`. Entries in `known` are not listed.
    pub(super) fn new(tenant: [u8; 16], known: &'a CommittedEntries) -> Self {
        Self {
            tenant,
            known,
            processes: HashMap::new(),
            scopes: HashMap::new(),
            listed: HashSet::new(),
            entries: Vec::new(),
        }
    }

    /// Returns the listed entries, each once.
    pub(super) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// Lists an entry, unless it is listed already or known to be stored.
    pub(super) fn need(&mut self, table: DictionaryTable, id: i64, row: impl FnOnce() -> EntryRow) {
        let tenant = self.tenant;
        if self.known.contains(table, tenant, id) || !self.listed.insert((table, id)) {
            return;
        }
        self.entries.push(Entry {
            tenant,
            id,
            row: row(),
        });
    }

    /// Returns the ids of a resource and its service, and lists both.
    pub(super) fn process(&mut self, resource: &'a Resource) -> ProcessIds {
        let address = core::ptr::from_ref(resource);
        if let Some(ids) = self.processes.get(&address) {
            return *ids;
        }
        let service = storable(&resource.listed_service());
        let service_id = ids::service(&service);
        let ids = ProcessIds {
            service_id,
            resource_id: self.resource(resource, service_id),
        };
        self.need(DictionaryTable::Services, service_id, || {
            EntryRow::Service { name: service }
        });
        self.processes.insert(address, ids);
        ids
    }

    fn resource(&mut self, resource: &Resource, service_id: i64) -> i64 {
        let mut attributes = Vec::new();
        binary::encode_attributes(&resource.attributes, &mut attributes);
        attributes.shrink_to_fit();
        let schema_url = storable(&resource.schema_url);
        let id = ids::resource(&joined(
            &[schema_url.as_bytes(), &attributes],
            resource.dropped_attributes_count,
        ));
        self.need(DictionaryTable::Resources, id, || EntryRow::Resource {
            service_id,
            attributes,
            dropped_attributes_count: resource.dropped_attributes_count as i32,
            schema_url,
        });
        id
    }

    /// Returns the id of a scope, and lists it.
    pub(super) fn scope(&mut self, scope: &'a InstrumentationScope) -> i64 {
        let address = core::ptr::from_ref(scope);
        if let Some(id) = self.scopes.get(&address) {
            return *id;
        }
        let mut attributes = Vec::new();
        binary::encode_attributes(&scope.attributes, &mut attributes);
        attributes.shrink_to_fit();
        let (name, version) = (storable(&scope.name), storable(&scope.version));
        let schema_url = storable(&scope.schema_url);
        let id = ids::scope(&joined(
            &[
                name.as_bytes(),
                version.as_bytes(),
                schema_url.as_bytes(),
                &attributes,
            ],
            scope.dropped_attributes_count,
        ));
        self.need(DictionaryTable::Scopes, id, || EntryRow::Scope {
            name,
            version,
            attributes,
            dropped_attributes_count: scope.dropped_attributes_count as i32,
            schema_url,
        });
        self.scopes.insert(address, id);
        id
    }
}

/// Joins the parts with their lengths, so that different lists never give the same bytes.
fn joined(parts: &[&[u8]], count: u32) -> Vec<u8> {
    let mut bytes = count.to_be_bytes().to_vec();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

/// Replaces NUL, which Postgres refuses, by its symbol.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{2400}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use throughline_wire::TenantId;

    use crate::SpanGroup;
    use crate::writer::batch::WriteBatch;
    use crate::writer::dictionary::CommittedEntries;
    use crate::writer::encode::encode;
    use crate::writer::encoded::Encoded;
    use crate::writer::payloads::Detached;

    use super::*;

    const LARGE: usize = 1 << 20;

    /// Encodes `count` groups. A group without spans gets a small one.
    fn encoded(count: usize, part: impl Fn(usize) -> SpanGroup) -> Encoded {
        let groups = (0..count).map(|at| {
            let mut group = part(at);
            if group.spans.is_empty() {
                group.spans.push(throughline_testkit::span("s").build());
            }
            group
        });
        let batch = WriteBatch {
            tenant: TenantId::DEFAULT,
            groups: groups.collect(),
        };
        let known = CommittedEntries::default();
        let now = throughline_testkit::span("s").build().start;
        encode(batch, Detached::default(), now, &known)
    }

    fn large_resource() -> Resource {
        let mut resource = Resource::of_service("shop");
        resource.attributes.insert("large", "v".repeat(LARGE));
        resource
    }

    fn scope(at: usize) -> InstrumentationScope {
        InstrumentationScope {
            name: format!("scope {at}").into(),
            ..InstrumentationScope::default()
        }
    }

    #[test]
    fn a_large_resource_of_many_scopes_is_encoded_once() {
        let resource = Arc::new(large_resource());
        let encoded = encoded(200, |at| SpanGroup {
            resource: Arc::clone(&resource),
            scope: Arc::new(scope(at)),
            ..SpanGroup::default()
        });
        // The service, the operation, the resource and 200 scopes.
        assert_eq!(encoded.dictionary.len(), 203);
        let bytes = encoded.memory_bytes();
        assert!((LARGE..LARGE + (1 << 20)).contains(&bytes), "{bytes}");
        let sent = encoded.byte_count();
        assert!((LARGE..LARGE + (1 << 20)).contains(&sent), "{sent}");
    }

    #[test]
    fn equal_resources_and_scopes_that_were_sent_apart_are_listed_once() {
        let large_scope = || {
            let mut scope = scope(0);
            scope.attributes.insert("large", "v".repeat(LARGE));
            scope
        };
        let encoded = encoded(8, |_| SpanGroup {
            resource: Arc::new(large_resource()),
            scope: Arc::new(large_scope()),
            ..SpanGroup::default()
        });
        assert_eq!(encoded.dictionary.len(), 4);
        let bytes = encoded.memory_bytes();
        assert!(bytes < 2 * LARGE + (1 << 20), "{bytes}");
    }

    #[test]
    fn every_text_of_a_dictionary_entry_counts_as_memory() {
        let long = || "n".repeat(LARGE);
        let encoded = encoded(3, |at| SpanGroup {
            resource: Arc::new(Resource {
                schema_url: long().into(),
                ..Resource::of_service(format!("service {at}"))
            }),
            scope: Arc::new(InstrumentationScope {
                version: long().into(),
                schema_url: long().into(),
                ..scope(at)
            }),
            spans: vec![throughline_testkit::span(long()).build()],
            ..SpanGroup::default()
        });
        let bytes = encoded.memory_bytes();
        // Three resources, scopes with two texts each, and operations.
        assert!((12 * LARGE..13 * LARGE).contains(&bytes), "{bytes}");
    }
}
