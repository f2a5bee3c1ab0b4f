//! The sizes of the dictionary entries that a page contains, read before the entries are.

use std::collections::{BTreeSet, HashMap};

use sqlx::PgConnection;
use throughline_model::ReadError;
use uuid::Uuid;

use crate::sqlstate::read_error;

/// The dictionary entries of a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct SharedIds {
    /// The operation. A log record has none.
    pub operation: Option<i64>,
    pub resource: i64,
    pub scope: i64,
}

/// Adds up the bytes that dictionary entries bring to a page: a name with each row, a resource and
/// a scope with the first row that has it.
#[derive(Clone)]
pub(super) struct SharedSizes {
    operations: HashMap<i64, u64>,
    resources: HashMap<i64, u64>,
    scopes: HashMap<i64, u64>,
}

impl SharedSizes {
    /// Reads the sizes of the entries of all rows that may be on the page.
    pub(super) async fn read(
        connection: &mut PgConnection,
        tenant: Uuid,
        rows: impl Iterator<Item = SharedIds> + Clone,
    ) -> Result<Self, ReadError> {
        let operations = "SELECT id, octet_length(name)::bigint FROM operations
             WHERE tenant_id = $1 AND id = ANY($2)";
        let resources = "SELECT id, octet_length(attributes)::bigint + octet_length(schema_url)
             FROM resources WHERE tenant_id = $1 AND id = ANY($2)";
        let scopes = "SELECT id, octet_length(attributes)::bigint + octet_length(name)
                 + octet_length(version) + octet_length(schema_url)
             FROM scopes WHERE tenant_id = $1 AND id = ANY($2)";
        let operation_ids = rows.clone().filter_map(|row| row.operation).collect();
        let resource_ids = rows.clone().map(|row| row.resource).collect();
        let scope_ids = rows.map(|row| row.scope).collect();
        Ok(Self {
            operations: sizes(connection, operations, tenant, operation_ids).await?,
            resources: sizes(connection, resources, tenant, resource_ids).await?,
            scopes: sizes(connection, scopes, tenant, scope_ids).await?,
        })
    }

    /// Returns the bytes that the entries of the next row add to the page.
    pub(super) fn add(&mut self, row: SharedIds) -> u64 {
        let name = row.operation.and_then(|id| self.operations.get(&id));
        let name = name.copied().unwrap_or_default();
        // The entry is on the page from now on.
        let resource = self.resources.remove(&row.resource).unwrap_or_default();
        let scope = self.scopes.remove(&row.scope).unwrap_or_default();
        name.saturating_add(resource).saturating_add(scope)
    }
}

/// Returns the sizes of the entries with these IDs, in bytes.
async fn sizes(
    connection: &mut PgConnection,
    statement: &'static str,
    tenant: Uuid,
    ids: BTreeSet<i64>,
) -> Result<HashMap<i64, u64>, ReadError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(i64, i64)> = sqlx::query_as(statement)
        .bind(tenant)
        .bind(ids.into_iter().collect::<Vec<_>>())
        .fetch_all(connection)
        .await
        .map_err(read_error)?;
    let sizes = rows.into_iter();
    Ok(sizes
        .map(|(id, bytes)| (id, bytes.unsigned_abs()))
        .collect())
}
