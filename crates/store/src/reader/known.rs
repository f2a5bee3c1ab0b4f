//! What the dictionaries say of a filter, asked before its statement is made.

use sqlx::PgConnection;
use throughline_model::{ReadError, TraceFilter};
use throughline_wire::semconv;

use super::compile::{self, Known, KnownAttribute};
use super::{PgTraceReader, reach};
use crate::sqlstate::read_error;

impl PgTraceReader {
    /// What the dictionaries say of the filter.
    pub(super) async fn known(
        &self,
        connection: &mut PgConnection,
        filter: &TraceFilter,
    ) -> Result<Known, ReadError> {
        let operations: Vec<i64> = match compile::operations(self.tenant, filter) {
            Some(mut query) => query
                .build_query_scalar()
                .fetch_all(&mut *connection)
                .await
                .map_err(read_error)?,
            None => Vec::new(),
        };
        let is_known = operations.len() <= compile::MOST_OPERATIONS;
        let service_traces = match &filter.service {
            Some(service) => {
                let explain = compile::expected_of_service(service);
                Some(reach::expected_rows(connection, explain).await?)
            }
            None => None,
        };
        Ok(Known {
            attributes: self.known_attributes(connection, filter).await?,
            operations: is_known.then_some(operations),
            service_traces,
        })
    }

    /// How the conditions on attributes are answered: by an index those whose key is in that of the
    /// aliases, and the session, which the directory has.
    async fn known_attributes(
        &self,
        connection: &mut PgConnection,
        filter: &TraceFilter,
    ) -> Result<Vec<KnownAttribute>, ReadError> {
        if filter.attributes.is_empty() {
            return Ok(Vec::new());
        }
        let keys = filter.attributes.iter().map(|condition| &condition.key);
        let indexed: Vec<String> = sqlx::query_scalar(
            "SELECT name FROM attribute_keys WHERE tenant_id = $1 AND name = ANY($2)",
        )
        .bind(self.tenant)
        .bind(keys.cloned().collect::<Vec<_>>())
        .fetch_all(&mut *connection)
        .await
        .map_err(read_error)?;
        let mut known = Vec::new();
        for condition in &filter.attributes {
            let key = &condition.key;
            known.push(if key == semconv::SESSION_ID || indexed.contains(key) {
                KnownAttribute::Indexed
            } else {
                let resources = compile::resources(self.tenant, condition)
                    .build_query_scalar()
                    .fetch_all(&mut *connection)
                    .await
                    .map_err(read_error)?;
                KnownAttribute::Searched { resources }
            });
        }
        Ok(known)
    }
}
