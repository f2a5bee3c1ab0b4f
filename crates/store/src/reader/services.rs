//! Lists the names of the known services.

use sqlx::PgConnection;
use throughline_model::{ReadError, ServiceList};
use uuid::Uuid;

use crate::sqlstate::read_error;

/// Returns the names that begin with `prefix`, in alphabetical order.
pub(super) async fn list(
    connection: &mut PgConnection,
    tenant: Uuid,
    prefix: &str,
) -> Result<ServiceList, ReadError> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM services WHERE tenant_id = $1 AND starts_with(name, $2)
         ORDER BY lower(name), name LIMIT $3",
    )
    .bind(tenant)
    .bind(prefix)
    // One more tells whether the list is truncated.
    .bind(ServiceList::MAX_NAMES as i64 + 1)
    .fetch_all(connection)
    .await
    .map_err(read_error)?;
    Ok(ServiceList::of(names))
}
