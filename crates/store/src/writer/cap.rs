//! The most spans a trace may have: what comes beyond is refused, and the rest of its batch stored.
//!
//! The directory counts, and a commit holds the rows of its traces there locked: so the limit is
//! exact over restarts and however many servers write. A commit that goes beyond it is undone and
//! made again with what fits. Which traces are large is remembered only so that this happens once.

mod recent;
pub(super) mod refused;
pub(super) mod starts;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sqlx::PgConnection;
use uuid::Uuid;

use self::recent::Recent;
use super::directory::Key;
use super::group::{Group, RowRef};
use super::stored;

/// How many large traces are remembered; of others it is found out again.
const LARGE_TRACES: usize = 1_024;
/// How many refused spans are remembered; one that comes again after so many others counts again.
/// About 2 MiB.
const REFUSED_SPANS: usize = 65_536;

/// The limit, and what is remembered of it.
#[derive(Debug)]
pub(super) struct Cap {
    limit: i64,
    /// Traces that may have reached it, by half of their ids: when two share it, one is asked about
    /// in vain.
    large: Mutex<Recent>,
    /// Digests of spans that were refused and counted.
    refused: Mutex<Recent>,
}

/// The rows of a commit, told apart.
#[derive(Debug, Default)]
pub(super) struct Sifted {
    /// To be stored.
    pub fit: Vec<RowRef>,
    /// Stored already, in traces that take no more.
    pub stored: Vec<RowRef>,
    /// One too many for their traces.
    pub over: Vec<RowRef>,
    /// Those of `over` that were not refused before, as far as is remembered.
    pub over_anew: Vec<RowRef>,
}

fn half(trace_id: &[u8; 16]) -> i64 {
    let [_, _, _, _, _, _, _, _, half @ ..] = *trace_id;
    i64::from_be_bytes(half)
}

impl Cap {
    pub(super) fn new(limit: u64) -> Self {
        Self {
            limit: i64::try_from(limit).unwrap_or(i64::MAX),
            large: Mutex::new(Recent::new(LARGE_TRACES)),
            refused: Mutex::new(Recent::new(REFUSED_SPANS)),
        }
    }

    /// How many spans a trace may have.
    pub(super) const fn limit(&self) -> i64 {
        self.limit
    }

    /// Why a span beyond it is refused.
    pub(super) fn reason(&self) -> String {
        format!(
            "trace_too_large: the trace has {} spans, the most that are kept",
            self.limit
        )
    }

    /// Why a start beyond it is refused.
    pub(super) fn reason_of_start(&self) -> String {
        format!(
            "trace_too_large: the trace has {} spans that run, the most that are kept",
            self.limit
        )
    }

    /// Remembers traces that have reached it.
    pub(super) fn note(&self, traces: &[Key]) {
        let mut large = lock(&self.large);
        for (_, trace_id) in traces {
            large.insert(half(trace_id));
        }
    }

    /// Remembers `over`, spans of `group`, as refused and counted.
    pub(super) fn note_refused(&self, group: &Group, over: &[RowRef]) {
        let mut refused = lock(&self.refused);
        for &row in over {
            refused.insert(group.row(row).digest);
        }
    }

    /// The spans among `rows` whose traces may have reached it, by trace.
    fn suspects(&self, group: &Group, rows: &[RowRef]) -> BTreeMap<Key, Vec<RowRef>> {
        let mut suspects = BTreeMap::<Key, Vec<RowRef>>::new();
        let large = lock(&self.large);
        if large.is_empty() {
            return suspects;
        }
        for &row in rows.iter().filter(|row| !row.is_event()) {
            let trace_id = group.row(row).trace_id;
            if large.contains(half(&trace_id)) {
                let key = (group.batch(row).tenant, trace_id);
                suspects.entry(key).or_default().push(row);
            }
        }
        suspects
    }

    /// Tells apart what of `rows` fits; nothing when all of it may.
    pub(super) async fn sift(
        &self,
        connection: &mut PgConnection,
        group: &Group,
        rows: &[RowRef],
    ) -> Result<Option<Sifted>, sqlx::Error> {
        let mut suspects = self.suspects(group, rows);
        if suspects.is_empty() {
            return Ok(None);
        }
        let counts = count(connection, suspects.keys()).await?;
        let room = |key: &Key| {
            let room = self.limit - counts.get(key).copied().unwrap_or_default();
            usize::try_from(room).unwrap_or_default()
        };
        suspects.retain(|key, rows| rows.len() > room(key));
        if suspects.is_empty() {
            return Ok(None);
        }
        let asked: Vec<RowRef> = suspects.values().flatten().copied().collect();
        let known = stored::spans(connection, group, &asked).await?;
        let mut sifted = Sifted::default();
        let mut rooms = BTreeMap::<Key, usize>::new();
        for &row in rows {
            if row.is_event() {
                sifted.fit.push(row);
                continue;
            }
            let span = group.row(row);
            let key = (group.batch(row).tenant, span.trace_id);
            if !suspects.contains_key(&key) {
                sifted.fit.push(row);
            } else if known.contains(&span.digest) {
                sifted.stored.push(row);
            } else {
                let room = rooms.entry(key).or_insert_with(|| room(&key));
                if *room == 0 {
                    sifted.over.push(row);
                } else {
                    *room -= 1;
                    sifted.fit.push(row);
                }
            }
        }
        let refused = lock(&self.refused);
        let over = sifted.over.iter().copied();
        sifted.over_anew = over
            .filter(|&row| !refused.contains(group.row(row).digest))
            .collect();
        Ok(Some(sifted))
    }
}

fn lock(recent: &Mutex<Recent>) -> MutexGuard<'_, Recent> {
    recent.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many spans the traces have.
async fn count(
    connection: &mut PgConnection,
    traces: impl Iterator<Item = &Key> + Clone,
) -> Result<BTreeMap<Key, i64>, sqlx::Error> {
    let rows: Vec<(Uuid, Uuid, i64)> = sqlx::query_as(include_str!("count_spans.sql"))
        .bind(uuids(traces.clone().map(|key| key.0)))
        .bind(uuids(traces.map(|key| key.1)))
        .fetch_all(connection)
        .await?;
    let counts = rows
        .into_iter()
        .map(|(tenant, trace, count)| ((tenant.into_bytes(), trace.into_bytes()), count));
    Ok(counts.collect())
}

fn uuids(ids: impl Iterator<Item = [u8; 16]>) -> Vec<Uuid> {
    ids.map(Uuid::from_bytes).collect()
}
