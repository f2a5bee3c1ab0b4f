//! Finds the events of a group that are already stored.

use std::collections::HashMap;

use sqlx::PgConnection;
use sqlx::types::Uuid;
use throughline_wire::UnixNanos;

use super::events::EventRow;
use super::group::Group;
use super::outcome::RowRef;
use crate::ids::{EventKey, EventKeys, uuids};

/// The events of a group that are already stored.
#[derive(Debug, Default)]
pub(super) struct StoredEvents {
    pub keys: EventKeys,
    /// Those that were stored long before they were sent again, see [`RENEWED_AFTER_NS`].
    pub aged: Vec<RowRef>,
}

/// The time after which an event that is sent again counts as received again. A retry of a sender is
/// faster, and changes nothing.
pub(super) const RENEWED_AFTER_NS: i64 = UnixNanos::PER_HOUR;

/// Returns the events that are already stored.
pub(super) async fn find(
    connection: &mut PgConnection,
    group: &Group,
    rows: &[RowRef],
) -> Result<StoredEvents, sqlx::Error> {
    if rows.is_empty() {
        return Ok(StoredEvents::default());
    }
    let numbers = |of: fn(&EventRow) -> i64| -> Vec<i64> {
        rows.iter().map(|&row| of(group.event(row))).collect()
    };
    let stored: Vec<(Uuid, i64, i64, i64)> = sqlx::query_as(include_str!("stored_events.sql"))
        .bind(uuids(rows.iter().map(|&row| group.batch(row).tenant)))
        .bind(numbers(|event| event.at_ns))
        .bind(numbers(|event| event.digest))
        .fetch_all(connection)
        .await?;
    let received: HashMap<EventKey, i64> = stored
        .into_iter()
        .map(|(tenant, at_ns, digest, received_ns)| (key_of((tenant, at_ns, digest)), received_ns))
        .collect();
    let is_aged = |&row: &RowRef| {
        let renewed_ns = group
            .event(row)
            .received_ns
            .saturating_sub(RENEWED_AFTER_NS);
        received
            .get(&group.event_key(row))
            .is_some_and(|&received_ns| received_ns < renewed_ns)
    };
    Ok(StoredEvents {
        aged: rows.iter().copied().filter(is_aged).collect(),
        keys: received.into_keys().collect(),
    })
}

/// Returns the key of a row of tenant, time and digest.
pub(super) fn key_of((tenant, at_ns, digest): (Uuid, i64, i64)) -> EventKey {
    (tenant.into_bytes(), at_ns, digest)
}
