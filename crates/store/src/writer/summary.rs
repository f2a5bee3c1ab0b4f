//! The summary of a trace as some of its spans have it. Merging is commutative: least start, greatest
//! end, sums, the span that ranks first, so the order of arrival does not matter.

use core::cmp::Ordering;

use super::open_spans::OpenSpan;
use super::row::{Row, TextAt};

/// The contents of the row of a trace, apart from its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Summary {
    pub start_ns: i64,
    pub end_ns: i64,
    pub span_count: i32,
    pub error_count: i32,
    pub root: Root,
    pub has_root: bool,
    /// Sorted, each once.
    pub services: Vec<i64>,
    pub user: Option<RankedText>,
    pub session: Option<RankedText>,
    pub error: Option<RankedText>,
}

/// A text and the rank of the span it is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RankedText {
    pub rank: i64,
    pub text: String,
}

/// The span that stands for the trace: the least of these by its first three fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Root {
    pub rank: i64,
    pub span_id: i64,
    pub digest: i64,
    pub operation_id: i64,
    pub duration_ns: i64,
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

impl Summary {
    /// The summary of one span, whose texts lie in `bytes`.
    pub(super) fn of(row: &Row, bytes: &[u8]) -> Self {
        let rank = rank(row.start_ns, row.has_parent());
        let ranked = |rank: i64, text: Option<TextAt>| {
            text.map(|text| RankedText {
                rank,
                text: text.of(bytes).to_owned(),
            })
        };
        Self {
            start_ns: row.start_ns,
            end_ns: row.start_ns.saturating_add(row.duration_ns),
            span_count: 1,
            error_count: i32::from(row.is_error),
            root: Root {
                rank,
                span_id: row.span_id,
                digest: row.digest,
                operation_id: row.operation_id,
                duration_ns: row.duration_ns,
            },
            has_root: !row.has_parent(),
            services: vec![row.service_id],
            user: ranked(rank, row.user),
            session: ranked(rank, row.session),
            error: ranked(row.start_ns, row.error),
        }
    }

    /// The summary of a span that has begun and not ended: it counts as none, and stands for its
    /// trace until it has ended, since no digest is greater than this one.
    pub(super) fn begun(open: &OpenSpan) -> Self {
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

    /// Adds what a span says. Costs no allocation unless a text of it ranks first.
    pub(super) fn add(&mut self, row: &Row, bytes: &[u8]) {
        self.start_ns = self.start_ns.min(row.start_ns);
        self.end_ns = self
            .end_ns
            .max(row.start_ns.saturating_add(row.duration_ns));
        self.span_count = self.span_count.saturating_add(1);
        self.error_count = self.error_count.saturating_add(row.is_error.into());
        let rank = rank(row.start_ns, row.has_parent());
        self.root = self.root.min(Root {
            rank,
            span_id: row.span_id,
            digest: row.digest,
            operation_id: row.operation_id,
            duration_ns: row.duration_ns,
        });
        self.has_root |= !row.has_parent();
        self.add_service(row.service_id);
        least(&mut self.user, rank, row.user, bytes);
        least(&mut self.session, rank, row.session, bytes);
        latest(&mut self.error, row.start_ns, row.error, bytes);
    }

    /// Adds what other spans of the trace say.
    pub(super) fn merge(&mut self, other: Self) {
        self.start_ns = self.start_ns.min(other.start_ns);
        self.end_ns = self.end_ns.max(other.end_ns);
        self.span_count = self.span_count.saturating_add(other.span_count);
        self.error_count = self.error_count.saturating_add(other.error_count);
        self.root = self.root.min(other.root);
        self.has_root |= other.has_root;
        for service in other.services {
            self.add_service(service);
        }
        for (mine, other) in [
            (&mut self.user, other.user),
            (&mut self.session, other.session),
        ] {
            if let Some(other) = other
                && mine.as_ref().is_none_or(|mine| other < *mine)
            {
                *mine = Some(other);
            }
        }
        self.error = self.error.take().max(other.error);
    }

    fn add_service(&mut self, service: i64) {
        if let Err(place) = self.services.binary_search(&service) {
            self.services.insert(place, service);
        }
    }
}

/// Keeps the text of the least rank; a text is looked at only where ranks do not decide.
fn least(mine: &mut Option<RankedText>, rank: i64, text: Option<TextAt>, bytes: &[u8]) {
    keep(mine, rank, text, bytes, Ordering::Less);
}

/// Keeps the text of the greatest rank: what failed last stands deepest in the trace.
fn latest(mine: &mut Option<RankedText>, rank: i64, text: Option<TextAt>, bytes: &[u8]) {
    keep(mine, rank, text, bytes, Ordering::Greater);
}

/// Replaces a text by one whose rank, or else the text itself, is `wanted` beside it.
fn keep(
    mine: &mut Option<RankedText>,
    rank: i64,
    text: Option<TextAt>,
    bytes: &[u8],
    wanted: Ordering,
) {
    let Some(text) = text else { return };
    let is_wanted = |mine: &RankedText| {
        let by_rank = rank.cmp(&mine.rank);
        by_rank.then_with(|| text.of(bytes).cmp(&mine.text)) == wanted
    };
    if mine.as_ref().is_none_or(is_wanted) {
        *mine = Some(RankedText {
            rank,
            text: text.of(bytes).to_owned(),
        });
    }
}
