//! Reads an offloaded payload of a log record or event.

use sqlx::QueryBuilder;
use throughline_model::{EventCursor, Payload, ReadError};

use super::context::ReadContext;
use super::event::{COLUMNS, StoredEventRow, push_page};
use super::payload;
use crate::day::day_ns;
use crate::sqlstate::read_error;

/// Returns an offloaded payload of an event. Returns `None` if the event does not exist or has no
/// payload with this hash.
pub(super) async fn payload(
    context: &mut ReadContext<'_>,
    event: EventCursor,
    hash: &str,
) -> Result<Option<Payload>, ReadError> {
    let mut query = QueryBuilder::new(COLUMNS);
    query
        .push("events AS e WHERE e.tenant_id = ")
        .push_bind(context.tenant);
    query.push(" AND e.at_ns = ").push_bind(event.at.get());
    query.push(" AND e.digest = ").push_bind(event.digest);
    push_page(&mut query, false);
    let row: Option<StoredEventRow> = query
        .build_query_as()
        .fetch_optional(&mut *context.connection)
        .await
        .map_err(read_error)?;
    let Some(row) = row else {
        return Ok(None);
    };
    let references = row.payloads()?;
    let described = payload::of_event(&references, &row.into_record()?);
    match described.into_iter().find(|known| known.hash == hash) {
        Some(reference) => payload::one(context, reference, day_ns(event.at.get())).await,
        None => Ok(None),
    }
}
