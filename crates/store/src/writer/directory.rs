//! What a commit adds to the trace directory: spans merged by trace, in memory first.

mod columns;

use std::collections::BTreeMap;

use sqlx::PgConnection;

use self::columns::Columns;
use super::encoded::Encoded;
use super::open_spans::OpenSpan;
use super::row::{Row, TextAt};

/// A trace's row as its new spans alone would have it.
#[derive(Debug)]
struct Delta<'a> {
    start_ns: i64,
    end_ns: i64,
    span_count: i64,
    error_count: i64,
    root: Root,
    has_root: bool,
    services: Vec<i64>,
    user: Option<(i64, &'a str)>,
    session: Option<(i64, &'a str)>,
    error: Option<(i64, &'a str)>,
}

/// The span that stands for the trace: the least of these by its first three fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Root {
    rank: i64,
    span_id: i64,
    digest: i64,
    operation_id: i64,
    duration_ns: i64,
}

/// A span's place among those that may speak for the trace: without a parent first, then by
/// start. One number: the start, moved down by 2^63 when there is no parent.
const fn rank(start_ns: i64, has_parent: bool) -> i64 {
    if has_parent {
        start_ns
    } else {
        start_ns.saturating_add(i64::MIN)
    }
}

impl Root {
    fn of(row: &Row) -> Self {
        Self {
            rank: rank(row.start_ns, row.has_parent),
            span_id: row.span_id,
            digest: row.digest,
            operation_id: row.operation_id,
            duration_ns: row.duration_ns,
        }
    }
}

impl<'a> Delta<'a> {
    /// What `row` alone says; its texts lie in `bytes`.
    fn of(row: &Row, bytes: &'a [u8]) -> Self {
        let value = |text: Option<TextAt>| {
            text.map(|text| (rank(row.start_ns, row.has_parent), text.of(bytes)))
        };
        Self {
            start_ns: row.start_ns,
            end_ns: row.start_ns.saturating_add(row.duration_ns),
            span_count: 1,
            error_count: i64::from(row.is_error),
            root: Root::of(row),
            has_root: !row.has_parent,
            services: vec![row.service_id],
            user: value(row.user),
            session: value(row.session),
            error: value(row.error),
        }
    }

    /// Of a span that has begun and not ended: it counts as none, and stands for its trace until
    /// it has ended, since no digest is greater than this one.
    fn begun(open: &OpenSpan) -> Self {
        let has_parent = open.parent_span_id.is_some();
        Self {
            start_ns: open.start_ns,
            end_ns: open.start_ns,
            span_count: 0,
            error_count: 0,
            root: Root {
                rank: rank(open.start_ns, has_parent),
                span_id: open.span_id,
                digest: i64::MAX,
                operation_id: open.operation_id,
                duration_ns: 0,
            },
            has_root: !has_parent,
            services: vec![open.service_id],
            user: None,
            session: None,
            error: None,
        }
    }

    /// A span of the trace has begun.
    fn begin(&mut self, open: &OpenSpan) {
        let begun = Self::begun(open);
        self.start_ns = self.start_ns.min(begun.start_ns);
        self.end_ns = self.end_ns.max(begun.end_ns);
        self.root = self.root.min(begun.root);
        self.has_root |= begun.has_root;
        if !self.services.contains(&open.service_id) {
            self.services.push(open.service_id);
        }
    }

    fn add(&mut self, row: &Row, bytes: &'a [u8]) {
        self.start_ns = self.start_ns.min(row.start_ns);
        self.end_ns = self
            .end_ns
            .max(row.start_ns.saturating_add(row.duration_ns));
        self.span_count += 1;
        self.error_count += i64::from(row.is_error);
        self.root = self.root.min(Root::of(row));
        self.has_root |= !row.has_parent;
        if !self.services.contains(&row.service_id) {
            self.services.push(row.service_id);
        }
        let rank = rank(row.start_ns, row.has_parent);
        least(&mut self.user, rank, row.user, bytes);
        least(&mut self.session, rank, row.session, bytes);
        least(&mut self.error, rank, row.error, bytes);
    }
}

/// Keeps the least; a text is looked at only where ranks do not decide.
fn least<'a>(mine: &mut Option<(i64, &'a str)>, rank: i64, text: Option<TextAt>, bytes: &'a [u8]) {
    let Some(text) = text else { return };
    if mine.is_none_or(|(known, _)| rank <= known) {
        let other = (rank, text.of(bytes));
        *mine = Some(mine.map_or(other, |mine| mine.min(other)));
    }
}

/// Tenant and trace.
pub(super) type Key = ([u8; 16], [u8; 16]);

/// The deltas of one commit, sorted by key.
#[derive(Debug, Default)]
pub(super) struct Deltas<'a> {
    done: BTreeMap<Key, Delta<'a>>,
    /// The trace of the last row: the spans of a trace mostly stand together.
    current: Option<(Key, Delta<'a>)>,
    /// Those of which only a start is new.
    begun: Vec<Key>,
}

impl<'a> Deltas<'a> {
    /// The deltas of `rows`, each with the batch it is of.
    pub(super) fn of(rows: impl Iterator<Item = (&'a Encoded, &'a Row)>) -> Self {
        let mut deltas = Self::default();
        for (batch, row) in rows {
            deltas.add(batch, row);
        }
        deltas.put_away();
        deltas
    }

    fn add(&mut self, batch: &'a Encoded, row: &'a Row) {
        let key = (batch.tenant, row.trace_id);
        match &mut self.current {
            Some((current, delta)) if *current == key => delta.add(row, &batch.bytes),
            _ => {
                self.put_away();
                let delta = match self.done.remove(&key) {
                    None => Delta::of(row, &batch.bytes),
                    Some(mut delta) => {
                        delta.add(row, &batch.bytes);
                        delta
                    }
                };
                self.current = Some((key, delta));
            }
        }
    }

    /// Lists the trace of a span that has begun.
    pub(super) fn begin(&mut self, tenant: [u8; 16], open: &OpenSpan) {
        match self.done.entry((tenant, open.trace_id)) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                self.begun.push(*entry.key());
                entry.insert(Delta::begun(open));
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => entry.get_mut().begin(open),
        }
    }

    fn put_away(&mut self) {
        if let Some((key, delta)) = self.current.take() {
            self.done.insert(key, delta);
        }
    }

    /// The traces they are of, tenant first.
    pub(super) fn traces(&self) -> impl Iterator<Item = ([u8; 16], [u8; 16])> {
        self.done.keys().copied()
    }

    /// Merges them into the directory, in the transaction `connection` is in, as received at
    /// `received_ns`; the traces that have more than `limit` spans by what is merged.
    pub(super) async fn merge(
        self,
        connection: &mut PgConnection,
        limit: i64,
        received_ns: i64,
    ) -> Result<Vec<Key>, sqlx::Error> {
        if self.done.is_empty() {
            return Ok(Vec::new());
        }
        let mut columns = Columns::default();
        for ((tenant, trace_id), delta) in self.done {
            columns.push(tenant, trace_id, delta);
        }
        let mut crowded = columns.merge(connection, limit, received_ns).await?;
        crowded.retain(|key| !self.begun.contains(key));
        Ok(crowded)
    }
}
