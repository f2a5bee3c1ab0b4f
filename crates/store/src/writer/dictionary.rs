//! Services, operations, resources and scopes: each is written once, under the hash of its content.

use quick_cache::sync::Cache;
use sqlx::PgConnection;
use throughline_model::fold_case;
use uuid::Uuid;

/// A row of a dictionary table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub tenant: [u8; 16],
    pub id: i64,
    pub row: EntryRow,
}

/// The columns of the tables besides tenant and id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum EntryRow {
    Service {
        name: String,
    },
    Operation {
        service_id: i64,
        kind: i16,
        name: String,
    },
    Resource {
        service_id: i64,
        attributes: Vec<u8>,
        dropped_attributes_count: i32,
        schema_url: String,
    },
    Scope {
        name: String,
        version: String,
        attributes: Vec<u8>,
        dropped_attributes_count: i32,
        schema_url: String,
    },
}

/// The dictionary table of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum DictionaryTable {
    Services,
    Operations,
    Resources,
    Scopes,
}

impl Entry {
    /// Returns its approximate memory size in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.row.text_bytes()
    }
}

impl EntryRow {
    /// Returns the size of its texts and attributes in bytes.
    const fn text_bytes(&self) -> usize {
        match self {
            Self::Service { name } | Self::Operation { name, .. } => name.capacity(),
            Self::Resource {
                attributes,
                schema_url,
                ..
            } => attributes.capacity() + schema_url.capacity(),
            Self::Scope {
                name,
                version,
                attributes,
                schema_url,
                ..
            } => {
                name.capacity() + version.capacity() + attributes.capacity() + schema_url.capacity()
            }
        }
    }

    const fn table(&self) -> DictionaryTable {
        match self {
            Self::Service { .. } => DictionaryTable::Services,
            Self::Operation { .. } => DictionaryTable::Operations,
            Self::Resource { .. } => DictionaryTable::Resources,
            Self::Scope { .. } => DictionaryTable::Scopes,
        }
    }
}

type EntryKey = (DictionaryTable, [u8; 16], i64);

/// The ids of entries that are known to be in the tables.
///
/// It holds only entries that this process has committed. It is cleared when the connection is
/// lost, because another database may answer at the same address afterwards. When it is full, it
/// evicts ids that were not used lately; they are written again, which changes nothing.
#[derive(Debug)]
pub(super) struct CommittedEntries(Cache<EntryKey, ()>);

impl Default for CommittedEntries {
    fn default() -> Self {
        Self(Cache::new(Self::MAX))
    }
}

impl CommittedEntries {
    /// The most ids in the cache, about 13 MB. This bounds the memory when names never repeat.
    const MAX: usize = 200_000;

    /// Returns the entries of `wanted` that are not known to be stored.
    pub(super) fn missing<'a>(&self, wanted: impl Iterator<Item = &'a Entry>) -> Vec<&'a Entry> {
        wanted
            .filter(|entry| !self.contains(entry.row.table(), entry.tenant, entry.id))
            .collect()
    }

    /// Returns whether this entry is known to be stored.
    pub(super) fn contains(&self, table: DictionaryTable, tenant: [u8; 16], id: i64) -> bool {
        self.0.get(&(table, tenant, id)).is_some()
    }

    fn add<'a>(&self, entries: impl Iterator<Item = &'a Entry>) {
        for entry in entries {
            self.0
                .insert((entry.row.table(), entry.tenant, entry.id), ());
        }
    }

    /// Removes all ids.
    pub(super) fn clear(&self) {
        self.0.clear();
    }
}

/// The size of the entries in one statement, in bytes; a single entry may exceed it.
const STATEMENT_BYTES: usize = 4 << 20;

/// Writes the missing entries before the spans that refer to them, with one statement for each
/// table and each [`STATEMENT_BYTES`]. Entries are sorted by id, so that servers that write the same
/// entries do not deadlock.
pub(super) async fn write(
    connection: &mut PgConnection,
    known: &CommittedEntries,
    mut entries: Vec<&Entry>,
) -> Result<(), sqlx::Error> {
    entries.sort_unstable_by_key(|entry| (entry.row.table() as u8, entry.tenant, entry.id));
    entries.dedup_by_key(|entry| (entry.row.table() as u8, entry.tenant, entry.id));
    let mut rest = entries.as_slice();
    while !rest.is_empty() {
        let (now, later) = rest.split_at(fitting(rest));
        services(connection, now).await?;
        operations(connection, now).await?;
        resources(connection, now).await?;
        scopes(connection, now).await?;
        rest = later;
    }
    known.add(entries.into_iter());
    Ok(())
}

/// Returns the number of leading entries that one statement writes. It is at least one.
fn fitting(entries: &[&Entry]) -> usize {
    let mut bytes = 0;
    let fitting = entries.iter().take_while(|entry| {
        bytes += entry.memory_bytes();
        bytes <= STATEMENT_BYTES
    });
    fitting.count().max(1)
}

async fn services(connection: &mut PgConnection, entries: &[&Entry]) -> Result<(), sqlx::Error> {
    let (mut tenants, mut ids, mut names) = (vec![], vec![], vec![]);
    for entry in entries {
        if let EntryRow::Service { name } = &entry.row {
            tenants.push(Uuid::from_bytes(entry.tenant));
            ids.push(entry.id);
            names.push(name.as_str());
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO services (tenant_id, id, name)
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[])
         ON CONFLICT DO NOTHING",
    )
    .bind(tenants)
    .bind(ids)
    .bind(names)
    .execute(connection)
    .await?;
    Ok(())
}

async fn operations(connection: &mut PgConnection, entries: &[&Entry]) -> Result<(), sqlx::Error> {
    let (mut tenants, mut ids, mut services) = (vec![], vec![], vec![]);
    let (mut kinds, mut names, mut folded) = (vec![], vec![], vec![]);
    for entry in entries {
        if let EntryRow::Operation {
            service_id,
            kind,
            name,
        } = &entry.row
        {
            tenants.push(Uuid::from_bytes(entry.tenant));
            ids.push(entry.id);
            services.push(*service_id);
            kinds.push(*kind);
            names.push(name.as_str());
            folded.push(fold_case(name).into_owned());
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO operations (tenant_id, id, service_id, kind, name, name_folded)
         SELECT * FROM unnest(
             $1::uuid[], $2::bigint[], $3::bigint[], $4::smallint[], $5::text[], $6::text[]
         )
         ON CONFLICT DO NOTHING",
    )
    .bind(tenants)
    .bind(ids)
    .bind(services)
    .bind(kinds)
    .bind(names)
    .bind(folded)
    .execute(connection)
    .await?;
    Ok(())
}

async fn resources(connection: &mut PgConnection, entries: &[&Entry]) -> Result<(), sqlx::Error> {
    let (mut tenants, mut ids, mut services) = (vec![], vec![], vec![]);
    let (mut encoded, mut dropped, mut schemas) = (vec![], vec![], vec![]);
    for entry in entries {
        if let EntryRow::Resource {
            service_id,
            attributes,
            dropped_attributes_count,
            schema_url,
        } = &entry.row
        {
            tenants.push(Uuid::from_bytes(entry.tenant));
            ids.push(entry.id);
            services.push(*service_id);
            encoded.push(attributes.as_slice());
            dropped.push(*dropped_attributes_count);
            schemas.push(schema_url.as_str());
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO resources
             (tenant_id, id, service_id, attributes, dropped_attributes_count, schema_url)
         SELECT * FROM unnest(
             $1::uuid[], $2::bigint[], $3::bigint[], $4::bytea[], $5::integer[], $6::text[]
         )
         ON CONFLICT DO NOTHING",
    )
    .bind(tenants)
    .bind(ids)
    .bind(services)
    .bind(encoded)
    .bind(dropped)
    .bind(schemas)
    .execute(connection)
    .await?;
    Ok(())
}

async fn scopes(connection: &mut PgConnection, entries: &[&Entry]) -> Result<(), sqlx::Error> {
    let (mut tenants, mut ids, mut names, mut versions) = (vec![], vec![], vec![], vec![]);
    let (mut encoded, mut dropped, mut schemas) = (vec![], vec![], vec![]);
    for entry in entries {
        if let EntryRow::Scope {
            name,
            version,
            attributes,
            dropped_attributes_count,
            schema_url,
        } = &entry.row
        {
            tenants.push(Uuid::from_bytes(entry.tenant));
            ids.push(entry.id);
            names.push(name.as_str());
            versions.push(version.as_str());
            encoded.push(attributes.as_slice());
            dropped.push(*dropped_attributes_count);
            schemas.push(schema_url.as_str());
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO scopes
             (tenant_id, id, name, version, attributes, dropped_attributes_count, schema_url)
         SELECT * FROM unnest(
             $1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::bytea[], $6::integer[],
             $7::text[]
         )
         ON CONFLICT DO NOTHING",
    )
    .bind(tenants)
    .bind(ids)
    .bind(names)
    .bind(versions)
    .bind(encoded)
    .bind(dropped)
    .bind(schemas)
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(id: i64) -> Entry {
        Entry {
            tenant: [1; 16],
            id,
            row: EntryRow::Service {
                name: id.to_string(),
            },
        }
    }

    #[test]
    fn a_full_cache_evicts_some_ids_and_not_those_in_use() {
        let known = CommittedEntries::default();
        let contains = |id| known.contains(DictionaryTable::Services, [1; 16], id);
        let count = 2 * CommittedEntries::MAX as i64;
        for id in 0..count {
            known.add([&service(id)].into_iter());
            assert!(contains(0), "after {id}");
        }
        let left = (0..count).filter(|id| contains(*id)).count();
        assert!(left <= CommittedEntries::MAX);
        assert!(left > CommittedEntries::MAX / 2, "{left} left");
        known.clear();
        assert!(!contains(0));
    }
}
