//! Hands what was decoded to the writer, and tells what of it was not kept.

use throughline_formats::Validated;
use throughline_store::WriteBatch;
use throughline_wire::{Rejection, TenantId};

use super::answer::{Fault, Kept, add_refused, count};
use super::{Ingest, Turn};
use crate::span_group::span_group;

/// Stores what came through `door`, all of one kind; what of it was not kept, by its place in the
/// request. `turn` is what [`Ingest::decode`] gave with it.
pub(super) async fn keep(
    door: &'static str,
    kept: Kept,
    ingest: &Ingest,
    validated: Validated,
    turn: Turn,
) -> Result<Vec<Rejection>, Fault> {
    let Validated {
        groups,
        mut rejected,
        places,
        event_places,
    } = validated;
    let batch = WriteBatch {
        tenant: TenantId::DEFAULT,
        groups: groups.into_iter().map(span_group).collect(),
    };
    let outcome = ingest.inner.writer.submit_holding(batch, turn).await?;
    check_conserved(
        places.len(),
        outcome.received,
        outcome.duplicate,
        &outcome.rejected,
    )?;
    let events = &outcome.events;
    check_conserved(
        event_places.len(),
        events.received,
        events.duplicate,
        &events.rejected,
    )?;
    add_refused(&mut rejected, outcome.rejected, &places);
    add_refused(&mut rejected, outcome.events.rejected, &event_places);
    let (received, duplicate) = match kept {
        Kept::Spans => (outcome.received, outcome.duplicate),
        Kept::Events => (outcome.events.received, outcome.events.duplicate),
    };
    count(door, kept, received, duplicate, rejected.len() as u64);
    Ok(rejected)
}

/// Acknowledges nothing that the writer does not account for.
fn check_conserved(
    handed: usize,
    received: u64,
    duplicate: u64,
    rejected: &[Rejection],
) -> Result<(), Fault> {
    let accounted = received + duplicate + rejected.len() as u64;
    if accounted == handed as u64 {
        return Ok(());
    }
    tracing::error!(
        handed,
        accounted,
        "the writer lost count; nothing is acknowledged"
    );
    Err(Fault::internal())
}
