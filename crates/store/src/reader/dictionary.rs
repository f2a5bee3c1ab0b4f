//! Looks up what spans refer to: names of operations, resources, scopes.

use std::collections::HashMap;

use sqlx::{FromRow, PgConnection};
use throughline_model::ReadError;
use throughline_wire::{InstrumentationScope, Resource, binary};
use uuid::Uuid;

use super::kept::Kept;
use super::rows::{UNKNOWN_OPERATION, corrupt};
use crate::sqlstate::read_error;

/// Whose dictionaries are read, and what of them was read before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tenant<'a> {
    pub id: Uuid,
    pub kept: &'a Kept,
}

/// An operation with the name of its service.
#[derive(Debug, Clone, FromRow)]
pub(super) struct Operation {
    id: i64,
    pub name: String,
    pub service: Option<String>,
}

impl Operation {
    /// What stands for an operation whose row is missing.
    pub(super) fn unknown() -> Self {
        Self {
            id: 0,
            name: UNKNOWN_OPERATION.to_owned(),
            service: None,
        }
    }

    /// The name of its service.
    pub(super) fn service(&self) -> &str {
        self.service.as_deref().unwrap_or(Resource::UNKNOWN_SERVICE)
    }
}

/// What rows refer to by id, in a list that has each once.
pub(super) struct Listed<T> {
    known: HashMap<i64, T>,
    places: HashMap<i64, u32>,
    /// What was asked for, in the order of first use.
    pub list: Vec<T>,
}

impl<T: Default> Listed<T> {
    pub(super) fn new(known: HashMap<i64, T>) -> Self {
        Self {
            known,
            places: HashMap::new(),
            list: Vec::new(),
        }
    }

    /// The place of `id` in the list; what is not known is empty there.
    pub(super) fn place(&mut self, id: i64) -> u32 {
        *self.places.entry(id).or_insert_with(|| {
            self.list.push(self.known.remove(&id).unwrap_or_default());
            self.list.len() as u32 - 1
        })
    }
}

/// Each id once.
fn distinct(ids: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut ids: Vec<i64> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

pub(super) async fn operations(
    connection: &mut PgConnection,
    tenant: Tenant<'_>,
    ids: impl Iterator<Item = i64>,
) -> Result<HashMap<i64, Operation>, ReadError> {
    let shelf = &tenant.kept.operations;
    let (mut known, missing) = shelf.find(tenant.id, distinct(ids));
    if missing.is_empty() {
        return Ok(known);
    }
    let rows: Vec<Operation> = sqlx::query_as(
        "SELECT o.id, o.name, s.name AS service
         FROM operations AS o
         LEFT JOIN services AS s ON s.tenant_id = o.tenant_id AND s.id = o.service_id
         WHERE o.tenant_id = $1 AND o.id = ANY($2)",
    )
    .bind(tenant.id)
    .bind(missing)
    .fetch_all(connection)
    .await
    .map_err(read_error)?;
    for row in rows {
        // One whose service has no row yet may get it.
        if let Some(service) = &row.service {
            shelf.keep(tenant.id, row.id, &row, row.name.len() + service.len());
        }
        known.insert(row.id, row);
    }
    Ok(known)
}

#[derive(FromRow)]
struct ResourceRow {
    id: i64,
    attributes: Vec<u8>,
    dropped_attributes_count: i32,
    schema_url: String,
}

pub(super) async fn resources(
    connection: &mut PgConnection,
    tenant: Tenant<'_>,
    ids: impl Iterator<Item = i64>,
) -> Result<HashMap<i64, Resource>, ReadError> {
    let shelf = &tenant.kept.resources;
    let (mut known, missing) = shelf.find(tenant.id, distinct(ids));
    if missing.is_empty() {
        return Ok(known);
    }
    let rows: Vec<ResourceRow> = sqlx::query_as(
        "SELECT id, attributes, dropped_attributes_count, schema_url
         FROM resources WHERE tenant_id = $1 AND id = ANY($2)",
    )
    .bind(tenant.id)
    .bind(missing)
    .fetch_all(connection)
    .await
    .map_err(read_error)?;
    for row in rows {
        let byte_count = row.attributes.len() + row.schema_url.len();
        let resource = Resource {
            attributes: binary::decode_attributes(&row.attributes)
                .map_err(|_| corrupt("resources.attributes")())?,
            dropped_attributes_count: row.dropped_attributes_count as u32,
            schema_url: row.schema_url.into(),
        };
        shelf.keep(tenant.id, row.id, &resource, byte_count);
        known.insert(row.id, resource);
    }
    Ok(known)
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
    connection: &mut PgConnection,
    tenant: Tenant<'_>,
    ids: impl Iterator<Item = i64>,
) -> Result<HashMap<i64, InstrumentationScope>, ReadError> {
    let shelf = &tenant.kept.scopes;
    let (mut known, missing) = shelf.find(tenant.id, distinct(ids));
    if missing.is_empty() {
        return Ok(known);
    }
    let rows: Vec<ScopeRow> = sqlx::query_as(
        "SELECT id, name, version, attributes, dropped_attributes_count, schema_url
         FROM scopes WHERE tenant_id = $1 AND id = ANY($2)",
    )
    .bind(tenant.id)
    .bind(missing)
    .fetch_all(connection)
    .await
    .map_err(read_error)?;
    for row in rows {
        let byte_count =
            row.attributes.len() + row.name.len() + row.version.len() + row.schema_url.len();
        let scope = InstrumentationScope {
            name: row.name.into(),
            version: row.version.into(),
            attributes: binary::decode_attributes(&row.attributes)
                .map_err(|_| corrupt("scopes.attributes")())?,
            dropped_attributes_count: row.dropped_attributes_count as u32,
            schema_url: row.schema_url.into(),
        };
        shelf.keep(tenant.id, row.id, &scope, byte_count);
        known.insert(row.id, scope);
    }
    Ok(known)
}
