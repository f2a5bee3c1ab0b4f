//! Commits one group in one transaction: events by binary COPY, the rows of traces, and for each
//! tenant one block of new spans.

use std::collections::BTreeSet;

use sqlx::{Connection as _, PgConnection};

use super::copy::copy;
use super::group::Group;
use super::open_spans::{self, OpenSpans};
use super::outcome::{Claimed, Committed, InsertedEvents, RowRef};
use super::processes::Processes;
use super::span_limit::refused;
use super::{Committer, claim, level0, payloads, staging, stored_events};
use crate::block::BlockBuilder;
use crate::ids::TraceKey;
use crate::notice;
use crate::sqlstate::{Fault, fault};

const COPY_EVENTS: &str = include_str!("copy_events.sql");

/// The reason that a commit failed.
#[derive(Debug)]
pub(super) struct Failed {
    pub error: sqlx::Error,
    /// True if COMMIT was sent: the commit may have succeeded then.
    pub committing: bool,
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self {
            error,
            committing: false,
        }
    }
}

/// The number of groups after an event that was stored already for which the writer looks for stored
/// events first. Otherwise each batch that is sent again would fail, and Postgres would log it.
const LOOK_FIRST: u32 = 100;

/// The caches that commits share.
pub(super) struct CommitBuffers {
    /// Bytes for COPY.
    pub copied: Vec<u8>,
    pub blocks: BlockBuilder,
    /// The number of groups for which the writer still looks for stored events first.
    look_first: u32,
}

impl Default for CommitBuffers {
    fn default() -> Self {
        Self {
            copied: Vec::new(),
            blocks: BlockBuilder::new(level0::COMPRESSION_LEVEL),
            look_first: 0,
        }
    }
}

/// A group that is being committed.
pub(super) struct Commit<'a> {
    pub group: &'a Group,
    /// The distinct rows to store, spans first.
    pub rows: &'a [RowRef],
    /// Starts that are rejected because their traces have too many open spans.
    pub refused_starts: &'a BTreeSet<open_spans::OpenSpanKey>,
    pub shared: &'a Committer,
}

impl Commit<'_> {
    /// Stores the rows and updates their traces in one transaction.
    pub(super) async fn run(
        &self,
        connection: &mut PgConnection,
        buffers: &mut CommitBuffers,
    ) -> Result<Committed, Failed> {
        // The fallback order: COPY directly, then without the stored events, then through a
        // temporary table. A batch that was sent again is a small part of its group, so the second
        // path costs little more than the first. Only the third path is correct whatever other
        // servers store at the same time.
        let (_, events) = by_kind(self.rows);
        let mut path = if buffers.look_first > 0 && !events.is_empty() {
            EventPath::AroundStored
        } else {
            EventPath::Direct
        };
        loop {
            let result = self.attempt(connection, path, buffers).await;
            if let Ok(committed) = &result
                && !events.is_empty()
            {
                let is_all_new = match &committed.events {
                    InsertedEvents::All => true,
                    InsertedEvents::Keys(keys) => keys.len() == events.len(),
                };
                buffers.look_first = if is_all_new {
                    buffers.look_first.saturating_sub(1)
                } else {
                    LOOK_FIRST
                };
            }
            match (&result, path.next()) {
                (Err(failed), Some(next)) if is_duplicate(failed) => path = next,
                _ => {
                    metrics::counter!("throughline_writer_groups_total", "path" => path.as_str())
                        .increment(1);
                    return result;
                }
            }
        }
    }

    async fn attempt(
        &self,
        connection: &mut PgConnection,
        path: EventPath,
        buffers: &mut CommitBuffers,
    ) -> Result<Committed, Failed> {
        let mut transaction = connection.begin().await?;
        self.write_referred(&mut transaction).await?;
        let (spans, events) = by_kind(self.rows);
        let events = self
            .store_events(&mut transaction, path, events, &mut buffers.copied)
            .await?;
        let begun = self.begun();
        let claimed =
            claim::claim(&mut transaction, self.group, spans, &begun, self.shared).await?;
        let blocks = &mut buffers.blocks;
        level0::store(&mut transaction, self.group, &claimed.new, blocks).await?;
        self.finish(&mut transaction, &claimed).await?;
        transaction.commit().await.map_err(|error| Failed {
            error,
            committing: true,
        })?;
        Ok(Committed {
            spans: claimed,
            events,
        })
    }

    /// Writes large values before the rows that refer to them, so that a visible row never refers
    /// to a missing value.
    async fn write_referred(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let batches = self.group.batches_of(self.rows);
        let payloads = batches.flat_map(|batch| {
            let tenant = batch.tenant;
            batch.payloads.iter().map(move |payload| (tenant, payload))
        });
        payloads::write(connection, payloads.collect()).await
    }

    async fn store_events(
        &self,
        connection: &mut PgConnection,
        path: EventPath,
        events: &[RowRef],
        buffer: &mut Vec<u8>,
    ) -> Result<InsertedEvents, sqlx::Error> {
        let group = self.group;
        match path {
            EventPath::Direct => {
                copy(connection, COPY_EVENTS, group, events, buffer).await?;
                Ok(InsertedEvents::All)
            }
            EventPath::AroundStored => {
                let stored = stored_events::find(connection, group, events).await?;
                let mut events = events.to_vec();
                events.retain(|&row| !stored.keys.contains(&group.event_key(row)));
                copy(connection, COPY_EVENTS, group, &events, buffer).await?;
                staging::renew(connection, group, &stored.aged, buffer).await?;
                let keys = events.iter().map(|&row| group.event_key(row));
                Ok(InsertedEvents::Keys(keys.collect()))
            }
            EventPath::Staged => {
                let keys = staging::stage(connection, group, events, buffer).await?;
                Ok(InsertedEvents::Keys(keys))
            }
        }
    }

    /// Returns the spans that have begun and are not rejected.
    fn begun(&self) -> Vec<([u8; 16], &open_spans::OpenSpan)> {
        let mut begun = Vec::new();
        for batch in self.group.with_reports() {
            let open = batch.open.iter().map(|open| (batch.tenant, open));
            begun.extend(
                open.filter(|(tenant, open)| !self.refused_starts.contains(&open.key(*tenant))),
            );
        }
        begun
    }

    /// Writes everything that depends on which rows are new.
    async fn finish(
        &self,
        connection: &mut PgConnection,
        claimed: &Claimed,
    ) -> Result<(), sqlx::Error> {
        let (group, limit) = (self.group, &self.shared.limit);
        let mut touched = BTreeSet::<TraceKey>::new();
        for &row in &claimed.new {
            let (tenant, row) = (group.batch(row).tenant, group.row(row));
            touched.insert((tenant, row.trace_id));
        }
        let mut processes = Processes::default();
        let mut open_spans = OpenSpans::default();
        for batch in group.with_reports() {
            for report in &batch.reports {
                processes.add(batch.tenant, report);
            }
            for open in &batch.open {
                if self.refused_starts.contains(&open.key(batch.tenant)) {
                    open.reject(batch.tenant, &mut processes);
                } else {
                    touched.insert((batch.tenant, open.trace_id));
                    open_spans.begin(batch.tenant, open);
                }
            }
        }
        for &row in claimed.new.iter().chain(&claimed.duplicate) {
            let (batch, row) = (group.batch(row), group.row(row));
            if let Some((process_id, sequence)) = row.numbered() {
                processes.receive(batch.tenant, process_id, sequence);
            }
            // A sender that numbers its spans may omit the number of this one, and the span may
            // still be open.
            if row.numbered().is_some() || !batch.reports.is_empty() {
                open_spans.end(batch.tenant, row.trace_id, row.span_id);
            }
        }
        for row in group
            .rejected_spans()
            .chain(claimed.over_limit.iter().copied())
        {
            let (tenant, row) = (group.batch(row).tenant, group.row(row));
            if let Some((process_id, sequence)) = row.numbered() {
                processes.reject(tenant, process_id, sequence);
                open_spans.end(tenant, row.trace_id, row.span_id);
            }
        }
        notice::announce(connection, touched.into_iter()).await?;
        let newly_refused = limit.newly_refused(group, &claimed.over_limit);
        refused::note(connection, group, &newly_refused).await?;
        processes.merge(connection).await?;
        open_spans.store(connection).await
    }
}

/// The way in which a commit stores events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EventPath {
    /// COPY into the table: correct unless an event is already stored.
    Direct,
    /// COPY without the events that are already stored: correct unless another server stores one
    /// meanwhile.
    AroundStored,
    /// COPY into a temporary table, from which the new events are inserted.
    Staged,
}

impl EventPath {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::AroundStored => "around",
            Self::Staged => "staged",
        }
    }

    const fn next(self) -> Option<Self> {
        match self {
            Self::Direct => Some(Self::AroundStored),
            Self::AroundStored => Some(Self::Staged),
            Self::Staged => None,
        }
    }
}

/// Returns whether an event was already stored, so that nothing of the group was committed.
fn is_duplicate(failed: &Failed) -> bool {
    !failed.committing && fault(&failed.error) == Fault::Duplicate
}

/// Splits `rows` into spans and events.
fn by_kind(rows: &[RowRef]) -> (&[RowRef], &[RowRef]) {
    rows.split_at(rows.partition_point(|row| !row.is_event))
}
