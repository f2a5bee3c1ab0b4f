//! Decides under row locks which spans of a commit are new, and updates the rows of their traces.
//!
//! A trace without a row is claimed by inserting its row: all its spans are new. The row of any
//! other trace is locked. A span whose fingerprint is in the row may be stored already; then its
//! digest is compared with the digests of the stored spans. When two servers write the same trace
//! at the same time, one waits here for the other's commit. Both lock traces in the order of their
//! keys, so they do not deadlock.

use std::collections::BTreeMap;

use sqlx::PgConnection;

use super::Committer;
use super::digests::{self, Grown, LockedTrace};
use super::fingerprint::Fingerprints;
use super::group::Group;
use super::open_spans::OpenSpan;
use super::outcome::{Claimed, RowRef};
use super::summary::Summary;
use super::trace_rows::{LockedRow, NewRows, UpdatedRows};
use crate::ids::TraceKey;

/// The most attempts to claim a trace. Each further attempt means that retention removed the row
/// between the insert, which found it, and the lock.
const MAX_ATTEMPTS: usize = 8;

/// The spans of one trace in a commit.
#[derive(Debug, Default)]
struct TraceSpans<'a> {
    rows: Vec<RowRef>,
    begun: Vec<&'a OpenSpan>,
}

/// Decides which of `rows` are new, and updates the rows of their traces, in the transaction of
/// `connection`. `begun` are the spans that have begun.
///
/// Costs one statement when no trace has a row yet, three when some have, and one more for spans
/// that may be stored already.
pub(super) async fn claim(
    connection: &mut PgConnection,
    group: &Group,
    rows: &[RowRef],
    begun: &[([u8; 16], &OpenSpan)],
    shared: &Committer,
) -> Result<Claimed, sqlx::Error> {
    let mut waiting = by_trace(group, rows, begun);
    let mut claimed = Claimed::default();
    for _ in 0..MAX_ATTEMPTS {
        insert_new(connection, group, &mut waiting, shared, &mut claimed).await?;
        if waiting.is_empty() {
            return Ok(claimed);
        }
        update_locked(connection, group, &mut waiting, shared, &mut claimed).await?;
        if waiting.is_empty() {
            return Ok(claimed);
        }
    }
    Err(sqlx::Error::RowNotFound)
}

fn by_trace<'a>(
    group: &Group,
    rows: &[RowRef],
    begun: &[([u8; 16], &'a OpenSpan)],
) -> BTreeMap<TraceKey, TraceSpans<'a>> {
    let mut traces = BTreeMap::<TraceKey, TraceSpans<'a>>::new();
    let key = |row: RowRef| (group.batch(row).tenant, group.row(row).trace_id);
    // The spans of a trace are mostly adjacent: one look-up serves all of them.
    for run in rows.chunk_by(|a, b| key(*a) == key(*b)) {
        let spans = traces.entry(key(run[0])).or_default();
        spans.rows.extend_from_slice(run);
    }
    for (tenant, open) in begun {
        let spans = traces.entry((*tenant, open.trace_id)).or_default();
        spans.begun.push(open);
    }
    traces
}

/// Returns the summary of the spans; `None` only when there is no span.
fn summary(group: &Group, rows: &[RowRef], begun: &[&OpenSpan]) -> Option<Summary> {
    let mut summary = None::<Summary>;
    for &row in rows {
        let bytes = &group.batch(row).bytes;
        match &mut summary {
            Some(summary) => summary.add(group.row(row), bytes),
            None => summary = Some(Summary::of(group.row(row), bytes)),
        }
    }
    for open in begun {
        let begun = Summary::begun(open);
        match &mut summary {
            Some(summary) => summary.merge(begun),
            None => summary = Some(begun),
        }
    }
    summary
}

/// Claims the traces that have no row, by inserting their rows.
async fn insert_new(
    connection: &mut PgConnection,
    group: &Group,
    waiting: &mut BTreeMap<TraceKey, TraceSpans<'_>>,
    shared: &Committer,
    claimed: &mut Claimed,
) -> Result<(), sqlx::Error> {
    let limit = shared.limit.spans();
    let mut new_rows = NewRows::default();
    for (key, spans) in waiting.iter() {
        let fitting = &spans.rows[..spans.rows.len().min(limit)];
        if let Some(summary) = summary(group, fitting, &spans.begun) {
            let digests = fitting.iter().map(|row| group.row(*row).digest);
            let fingerprints = Fingerprints::of(digests, shared.fingerprint_mask);
            new_rows.push(*key, summary, fingerprints);
        }
    }
    let inserted = new_rows.insert(connection, group.received_ns()).await?;
    // Traces in the order of their keys, which is also the order of a block.
    waiting.retain(|key, spans| {
        if !inserted.contains(key) {
            return true;
        }
        let fitting = spans.rows.len().min(limit);
        claimed.over_limit.extend(spans.rows.drain(fitting..));
        claimed.new.append(&mut spans.rows);
        false
    });
    Ok(())
}

/// Locks the rows of the other traces and updates them. A trace whose row was removed meanwhile
/// stays in `waiting`.
async fn update_locked(
    connection: &mut PgConnection,
    group: &Group,
    waiting: &mut BTreeMap<TraceKey, TraceSpans<'_>>,
    shared: &Committer,
    claimed: &mut Claimed,
) -> Result<(), sqlx::Error> {
    let locked = LockedRow::lock(connection, waiting.keys()).await?;
    let doubtful = locked
        .iter()
        .filter(|row| {
            let rows = waiting.get(&row.key()).map(|spans| spans.rows.as_slice());
            let mut digests = rows
                .unwrap_or_default()
                .iter()
                .map(|row| group.row(*row).digest);
            digests.any(|digest| row.may_have(digest, shared.fingerprint_mask))
        })
        .map(LockedRow::stored_trace)
        .collect::<Vec<LockedTrace>>();
    let mut stored = digests::of_traces(connection, &shared.digests, &doubtful).await?;
    let mut updates = UpdatedRows::default();
    for row in locked {
        let key = row.key();
        let Some(spans) = waiting.remove(&key) else {
            continue;
        };
        let known = stored.get(&key);
        let is_stored = |digest| known.is_some_and(|known| known.contains(&digest));
        let mut left = shared.limit.spans().saturating_sub(row.span_count());
        let mut new = Vec::new();
        for span in spans.rows {
            let digest = group.row(span).digest;
            if is_stored(digest) {
                claimed.duplicate.push(span);
            } else if left == 0 {
                claimed.over_limit.push(span);
            } else {
                left -= 1;
                new.push(span);
            }
        }
        let Some(more) = summary(group, &new, &spans.begun) else {
            continue;
        };
        let digests: Vec<i64> = new.iter().map(|row| group.row(*row).digest).collect();
        let trace = updates.push(&row, more, &digests, shared.fingerprint_mask);
        if let Some(mut known) = stored.remove(&key) {
            known.extend(digests);
            claimed.large.push(Grown {
                trace,
                digests: known,
            });
        }
        claimed.new.append(&mut new);
    }
    updates.store(connection).await
}
