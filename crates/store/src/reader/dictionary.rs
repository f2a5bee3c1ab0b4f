//! Looks up the dictionary entries that spans refer to: operations, resources and scopes.

use std::collections::HashMap;

use sqlx::FromRow;
use sqlx::postgres::PgRow;
use throughline_codec::binary;
use throughline_model::ReadError;
use throughline_wire::{InstrumentationScope, Resource};

use super::context::ReadContext;
use super::corrupt::corrupt;
use super::dictionary_cache::EntryCache;
use super::operation::Operation;
use crate::sqlstate::read_error;

/// Dictionary entries in a list without duplicates, for rows that refer to them by ID.
pub(super) struct EntryList<T> {
    known: HashMap<i64, T>,
    places: HashMap<i64, u32>,
    /// The entries in the order of first use.
    pub list: Vec<T>,
}

impl<T: Default> EntryList<T> {
    pub(super) fn new(known: HashMap<i64, T>) -> Self {
        Self {
            known,
            places: HashMap::new(),
            list: Vec::new(),
        }
    }

    /// Returns the index of `id` in the list. An unknown ID has an empty entry.
    pub(super) fn place(&mut self, id: i64) -> u32 {
        *self.places.entry(id).or_insert_with(|| {
            self.list.push(self.known.remove(&id).unwrap_or_default());
            self.list.len() as u32 - 1
        })
    }
}

/// Returns each ID once.
fn distinct(ids: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut ids: Vec<i64> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Returns entries by ID. Reads them from the cache, and the missing ones with `statement`. `entry`
/// converts a row into the ID, the entry, and its size in bytes if it may be cached.
async fn entries<R, T>(
    context: &mut ReadContext<'_>,
    cache: &EntryCache<T>,
    statement: &'static str,
    ids: impl Iterator<Item = i64>,
    entry: impl Fn(R) -> Result<(i64, T, Option<usize>), ReadError>,
) -> Result<HashMap<i64, T>, ReadError>
where
    R: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    T: Clone,
{
    let (mut known, missing) = cache.find(context.tenant, distinct(ids));
    if missing.is_empty() {
        return Ok(known);
    }
    let rows: Vec<R> = sqlx::query_as(statement)
        .bind(context.tenant)
        .bind(missing)
        .fetch_all(&mut *context.connection)
        .await
        .map_err(read_error)?;
    for row in rows {
        let (id, entry, byte_count) = entry(row)?;
        if let Some(byte_count) = byte_count {
            cache.keep(context.tenant, id, &entry, byte_count);
        }
        known.insert(id, entry);
    }
    Ok(known)
}

pub(super) async fn operations(
    context: &mut ReadContext<'_>,
    ids: impl Iterator<Item = i64>,
) -> Result<HashMap<i64, Operation>, ReadError> {
    let statement = "SELECT o.id, o.name, o.kind, s.name AS service
         FROM operations AS o
         LEFT JOIN services AS s ON s.tenant_id = o.tenant_id AND s.id = o.service_id
         WHERE o.tenant_id = $1 AND o.id = ANY($2)";
    let cache = &context.cache.operations;
    entries(context, cache, statement, ids, |row: Operation| {
        // An operation whose service has no row yet is not cached, because the row may be added
        // later.
        let service_bytes = row.service.as_ref().map(String::len);
        let byte_count = service_bytes.map(|bytes| bytes + row.name.len());
        Ok((row.id, row, byte_count))
    })
    .await
}

#[derive(FromRow)]
struct ResourceRow {
    id: i64,
    attributes: Vec<u8>,
    dropped_attributes_count: i32,
    schema_url: String,
}

pub(super) async fn resources(
    context: &mut ReadContext<'_>,
    ids: impl Iterator<Item = i64>,
) -> Result<HashMap<i64, Resource>, ReadError> {
    let statement = "SELECT id, attributes, dropped_attributes_count, schema_url
         FROM resources WHERE tenant_id = $1 AND id = ANY($2)";
    let cache = &context.cache.resources;
    entries(context, cache, statement, ids, |row: ResourceRow| {
        let byte_count = row.attributes.len() + row.schema_url.len();
        let resource = Resource {
            attributes: binary::decode_attributes(&row.attributes)
                .map_err(|_| corrupt("resources.attributes")())?,
            dropped_attributes_count: row.dropped_attributes_count as u32,
            schema_url: row.schema_url.into(),
        };
        Ok((row.id, resource, Some(byte_count)))
    })
    .await
}

#[derive(FromRow)]
struct ScopeRow {
    id: i64,
    name: String,
    version: String,
    attributes: Vec<u8>,
    dropped_attributes_count: i32,
    schema_url: String,
}

pub(super) async fn scopes(
    context: &mut ReadContext<'_>,
    ids: impl Iterator<Item = i64>,
) -> Result<HashMap<i64, InstrumentationScope>, ReadError> {
    let statement = "SELECT id, name, version, attributes, dropped_attributes_count, schema_url
         FROM scopes WHERE tenant_id = $1 AND id = ANY($2)";
    let cache = &context.cache.scopes;
    entries(context, cache, statement, ids, |row: ScopeRow| {
        let texts = [&row.name, &row.version, &row.schema_url];
        let byte_count = texts.map(String::len).iter().sum::<usize>() + row.attributes.len();
        let scope = InstrumentationScope {
            name: row.name.into(),
            version: row.version.into(),
            attributes: binary::decode_attributes(&row.attributes)
                .map_err(|_| corrupt("scopes.attributes")())?,
            dropped_attributes_count: row.dropped_attributes_count as u32,
            schema_url: row.schema_url.into(),
        };
        Ok((row.id, scope, Some(byte_count)))
    })
    .await
}
