//! One transaction: spans and events by binary COPY, what they refer to before them, the trace
//! directory by a grouped upsert.

use std::collections::BTreeSet;

use sqlx::{Connection as _, PgConnection};

use super::directory::{Deltas, Key};
use super::group::{Group, Inserted, RowRef};
use super::open_spans::OpenSpans;
use super::processes::Processes;
use super::{aliases, cap, open_spans, payloads, row, staging, stored};
use crate::live;
use crate::rollup::RollupDeltas;
use crate::sqlstate::{Fault, fault};

/// Bytes sent at once; sqlx flushes every piece.
const PIECE_BYTES: usize = 128 * 1024;
/// Smaller runs of rows are put together first.
const SMALL_BYTES: usize = 16 * 1024;

const COPY_SPANS: &str = include_str!("copy_spans.sql");
const COPY_EVENTS: &str = include_str!("copy_events.sql");

/// Why a commit failed.
#[derive(Debug)]
pub(super) enum Failed {
    /// The database said so.
    Database {
        error: sqlx::Error,
        /// Whether COMMIT was sent: then it may have succeeded all the same.
        committing: bool,
    },
    /// These traces would have had more spans than they may.
    Crowded(Vec<Key>),
}

/// What goes with the rows of a commit: the most spans a trace may have, and the rows refused for
/// it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Capped<'a> {
    pub limit: i64,
    pub over: &'a [RowRef],
    /// Those of `over` that count as refused.
    pub over_anew: &'a [RowRef],
    /// Starts that are refused for it.
    pub starts: &'a BTreeSet<open_spans::Key>,
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self::Database {
            error,
            committing: false,
        }
    }
}

/// Stores `rows` and merges their traces, all or nothing.
pub(super) async fn commit(
    connection: &mut PgConnection,
    group: &Group,
    rows: &[RowRef],
    capped: Capped<'_>,
    buffer: &mut Vec<u8>,
) -> Result<Inserted, Failed> {
    // A batch that was sent again is a small part of its group: the second way costs little more
    // than the first. The third is right whatever other servers store meanwhile.
    let mut path = "direct";
    let mut result = directly(connection, group, rows, capped, buffer).await;
    if is_duplicate(&result) {
        path = "around";
        result = around_stored(connection, group, rows, capped, buffer).await;
    }
    if is_duplicate(&result) {
        path = "staged";
        result = staged(connection, group, rows, capped, buffer).await;
    }
    metrics::counter!("throughline_writer_groups_total", "path" => path).increment(1);
    result
}

/// Whether a row was stored already, and nothing of the group was.
fn is_duplicate(result: &Result<Inserted, Failed>) -> bool {
    matches!(
        result,
        Err(Failed::Database { error, committing: false }) if fault(error) == Fault::Duplicate
    )
}

/// Straight into the table: right unless a row is stored already.
async fn directly(
    connection: &mut PgConnection,
    group: &Group,
    rows: &[RowRef],
    capped: Capped<'_>,
    buffer: &mut Vec<u8>,
) -> Result<Inserted, Failed> {
    let mut transaction = connection.begin().await?;
    write_referred(&mut transaction, group, rows).await?;
    let (spans, events) = by_kind(rows);
    copy(&mut transaction, COPY_SPANS, group, spans, buffer).await?;
    copy(&mut transaction, COPY_EVENTS, group, events, buffer).await?;
    finish(transaction, group, rows, capped, Inserted::All).await
}

/// Straight into the table without the rows that are stored already: right unless another server
/// stores one of the rest meanwhile.
async fn around_stored(
    connection: &mut PgConnection,
    group: &Group,
    rows: &[RowRef],
    capped: Capped<'_>,
    buffer: &mut Vec<u8>,
) -> Result<Inserted, Failed> {
    let mut transaction = connection.begin().await?;
    write_referred(&mut transaction, group, rows).await?;
    let (spans, events) = by_kind(rows);
    let stored_spans = stored::spans(&mut transaction, group, spans).await?;
    let stored_events = stored::events(&mut transaction, group, events).await?;
    let (mut spans, mut events) = (spans.to_vec(), events.to_vec());
    spans.retain(|&row| !stored_spans.contains(&group.row(row).digest));
    events.retain(|&row| !stored_events.contains(&group.event(row).digest));
    copy(&mut transaction, COPY_SPANS, group, &spans, buffer).await?;
    copy(&mut transaction, COPY_EVENTS, group, &events, buffer).await?;
    let inserted = Inserted::Digests {
        spans: spans.iter().map(|&row| group.row(row).digest).collect(),
        events: events.iter().map(|&row| group.event(row).digest).collect(),
    };
    finish(transaction, group, rows, capped, inserted).await
}

/// By way of a temporary table, which leaves out the rows that are stored already.
async fn staged(
    connection: &mut PgConnection,
    group: &Group,
    rows: &[RowRef],
    capped: Capped<'_>,
    buffer: &mut Vec<u8>,
) -> Result<Inserted, Failed> {
    let mut transaction = connection.begin().await?;
    write_referred(&mut transaction, group, rows).await?;
    let (spans, events) = by_kind(rows);
    // For what it removes.
    stored::spans(&mut transaction, group, spans).await?;
    let spans = staging::stage(&mut transaction, &staging::SPANS, group, spans, buffer).await?;
    let events = staging::stage(&mut transaction, &staging::EVENTS, group, events, buffer).await?;
    let inserted = Inserted::Digests { spans, events };
    finish(transaction, group, rows, capped, inserted).await
}

/// The spans among `rows`, and the events.
fn by_kind(rows: &[RowRef]) -> (&[RowRef], &[RowRef]) {
    rows.split_at(rows.partition_point(|row| !row.is_event()))
}

/// Large values and aliases: before the rows, so that whoever sees a row finds what it refers to.
async fn write_referred(
    connection: &mut PgConnection,
    group: &Group,
    rows: &[RowRef],
) -> Result<(), sqlx::Error> {
    let payloads: Vec<_> = group
        .batches_of(rows)
        .flat_map(|batch| {
            let tenant = batch.tenant;
            batch.payloads.iter().map(move |payload| (tenant, payload))
        })
        .collect();
    payloads::write(connection, payloads).await?;
    let aliases: Vec<_> = group
        .batches_of(rows)
        .map(|batch| (batch.tenant, &batch.aliases))
        .collect();
    aliases::write(connection, aliases).await
}

async fn finish(
    mut transaction: sqlx::PgTransaction<'_>,
    group: &Group,
    rows: &[RowRef],
    capped: Capped<'_>,
    inserted: Inserted,
) -> Result<Inserted, Failed> {
    let stored = by_kind(rows)
        .0
        .iter()
        .map(|&row| (group.batch(row), group.row(row)))
        .filter(|(_, row)| inserted.contains(row));
    let mut rollups = RollupDeltas::default();
    for (batch, row) in stored.clone() {
        rollups.add(
            batch.tenant,
            row.operation_id,
            row.start_ns,
            row.duration_ns,
            row.is_error,
        );
    }
    let mut deltas = Deltas::of(stored);
    let mut processes = Processes::default();
    let mut open_spans = OpenSpans::default();
    for batch in group.telling() {
        for told in &batch.told {
            processes.add(batch.tenant, told);
        }
        for open in &batch.open {
            if capped.starts.contains(&open.key(batch.tenant)) {
                open.reject(batch.tenant, &mut processes);
                continue;
            }
            deltas.begin(batch.tenant, open);
            open_spans.begin(batch.tenant, open);
        }
    }
    for &row in by_kind(rows).0 {
        let (batch, row) = (group.batch(row), group.row(row));
        if let Some((process_id, sequence)) = row.numbered {
            processes.receive(batch.tenant, process_id, sequence);
        }
        // A sender that numbers may have left this one out.
        if row.numbered.is_some() || !batch.told.is_empty() {
            open_spans.end(batch.tenant, row.trace_id, row.span_id);
        }
    }
    for row in group.rejected_spans().chain(capped.over.iter().copied()) {
        let (tenant, row) = (group.batch(row).tenant, group.row(row));
        if let Some((process_id, sequence)) = row.numbered {
            processes.reject(tenant, process_id, sequence);
            open_spans.end(tenant, row.trace_id, row.span_id);
        }
    }
    live::announce(&mut transaction, deltas.traces()).await?;
    let received_ns = group.received_ns();
    let crowded = deltas
        .merge(&mut transaction, capped.limit, received_ns)
        .await?;
    if !crowded.is_empty() {
        // Dropping the transaction undoes it.
        return Err(Failed::Crowded(crowded));
    }
    cap::refused::note(&mut transaction, group, capped.over_anew).await?;
    processes.merge(&mut transaction).await?;
    open_spans.store(&mut transaction).await?;
    rollups.append(&mut transaction).await?;
    transaction
        .commit()
        .await
        .map_err(|error| Failed::Database {
            error,
            committing: true,
        })?;
    Ok(inserted)
}

/// Sends `rows`, all of one kind, by binary COPY.
pub(super) async fn copy(
    connection: &mut PgConnection,
    statement: &str,
    group: &Group,
    rows: &[RowRef],
    buffer: &mut Vec<u8>,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut copy = connection.copy_in_raw(statement).await?;
    buffer.clear();
    buffer.extend_from_slice(row::HEADER);
    for run in group.runs(rows) {
        if run.len() < SMALL_BYTES {
            buffer.extend_from_slice(run);
            if buffer.len() < PIECE_BYTES {
                continue;
            }
        }
        if !buffer.is_empty() {
            copy.send(buffer.as_slice()).await?;
            buffer.clear();
        }
        if run.len() >= SMALL_BYTES {
            // As it lies there: most batches are one run, and are not copied again.
            for piece in run.chunks(PIECE_BYTES) {
                copy.send(piece).await?;
            }
        }
    }
    buffer.extend_from_slice(row::TRAILER);
    copy.send(buffer.as_slice()).await?;
    copy.finish().await?;
    Ok(())
}
