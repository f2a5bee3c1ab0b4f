//! Searches the texts of events. The case of letters is folded here and not by the database, whose
//! result depends on its locale.

use futures::TryStreamExt as _;
use sqlx::QueryBuilder;
use throughline_model::{
    Direction, EventCursor, EventFilter, EventPageRequest, ReadError, fold_case,
};
use throughline_wire::UnixNanos;

use super::statement::{push_conditions, push_order};
use crate::reader::context::ReadContext;
use crate::sqlstate::read_error;

/// The maximum number of events that one text search reads.
const SEARCHED_EVENTS: usize = 20_000;
/// The number of events that one statement reads.
const BATCH_EVENTS: usize = 1_000;

/// The result of a text search.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The events whose text contains the searched one, in the order of reading.
    pub matches: Vec<EventCursor>,
    /// The last event that was read, if the search stopped before the end.
    pub stopped: Option<EventCursor>,
}

/// Returns the first `limit` events from the start of the page that the filter selects and whose text
/// contains `text`. Reads [`SEARCHED_EVENTS`] events at most.
pub(super) async fn find(
    context: &mut ReadContext<'_>,
    (filter, text): (&EventFilter, &str),
    (mut page, limit): (EventPageRequest, usize),
) -> Result<Found, ReadError> {
    let folded = fold_case(text);
    let direction = page
        .from
        .map_or(Direction::After, |(direction, _)| direction);
    let mut found = Found::default();
    let (mut searched, mut last) = (0, None);
    loop {
        let mut query = QueryBuilder::new("SELECT e.at_ns, e.digest, e.message FROM events AS e");
        push_conditions(&mut query, context.tenant, filter, page, context.now);
        push_order(&mut query, page);
        // One more than the limit shows whether more follow.
        let wanted = BATCH_EVENTS.min(SEARCHED_EVENTS + 1 - searched);
        query.push(" LIMIT ").push_bind(wanted as i64);
        let mut rows = query
            .build_query_as::<(i64, i64, Option<String>)>()
            .fetch(&mut *context.connection);
        let mut read = 0;
        while let Some((at_ns, digest, message)) = rows.try_next().await.map_err(read_error)? {
            if searched == SEARCHED_EVENTS {
                found.stopped = last;
                return Ok(found);
            }
            let cursor = EventCursor {
                at: UnixNanos::new(at_ns),
                digest,
            };
            (read, searched, last) = (read + 1, searched + 1, Some(cursor));
            if message.is_some_and(|message| fold_case(&message).contains(&*folded)) {
                found.matches.push(cursor);
                if found.matches.len() == limit {
                    return Ok(found);
                }
            }
        }
        let Some(last) = last.filter(|_| read == wanted) else {
            return Ok(found);
        };
        page.from = Some((direction, last));
    }
}
