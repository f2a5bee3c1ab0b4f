//! The summary of a trace, calculated from some of its spans. Merging is commutative (least start,
//! greatest end, sums, the span with the least rank), so the order of arrival does not matter.

use core::cmp::{Ordering, Reverse};
use std::collections::BTreeSet;

use throughline_model::TraceSummary;

use super::open_spans::OpenSpan;
use super::row::{BatchSpan, TextAt};

/// The columns of the row of a trace, without its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Summary {
    pub start_ns: i64,
    pub end_ns: i64,
    pub span_count: i32,
    pub error_count: i32,
    pub root: Root,
    pub has_root: bool,
    pub services: BTreeSet<i64>,
    pub user: Option<RankedText>,
    pub session: Option<RankedText>,
    pub error: Option<RankedText>,
}

/// A text and the rank of its span.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RankedText {
    pub rank: i64,
    pub text: String,
}

/// The root span of the trace: the least span by rank, then the longest, then the one with the least
/// ID, as [`throughline_model::span_order`] has it. The digest decides between spans with one ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Root {
    pub rank: i64,
    pub span_id: i64,
    pub digest: i64,
    pub operation_id: i64,
    pub duration_ns: i64,
}

impl Ord for Root {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |root: &Self| {
            (
                root.rank,
                Reverse(root.duration_ns),
                root.span_id.cast_unsigned(),
                root.digest,
                root.operation_id,
            )
        };
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Root {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Returns the rank of a span as the root: spans without a parent come first, then the earlier
/// start. The rank is one number: the start, reduced by 2^63 when there is no parent.
const fn rank(start_ns: i64, has_parent: bool) -> i64 {
    if has_parent {
        start_ns
    } else {
        start_ns.saturating_add(i64::MIN)
    }
}

impl Summary {
    /// Returns the summary of one span, whose texts are in `bytes`.
    pub(super) fn of(row: &BatchSpan, bytes: &[u8]) -> Self {
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
            services: BTreeSet::from([row.service_id]),
            user: ranked(rank, row.user),
            session: ranked(rank, row.session),
            error: ranked(row.start_ns, row.error),
        }
    }

    /// Returns the summary of a span that has begun and not ended. Its span count is 0. It can be
    /// the root of its trace until it ends: its duration is 0 and its digest the greatest possible,
    /// so the ended span replaces it.
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
            services: BTreeSet::from([open.service_id]),
            user: None,
            session: None,
            error: None,
        }
    }

    /// Adds a span. Allocates only when a text of the span ranks first.
    pub(super) fn add(&mut self, row: &BatchSpan, bytes: &[u8]) {
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
        self.services.insert(row.service_id);
        keep_least(&mut self.services);
        least(&mut self.user, rank, row.user, bytes);
        least(&mut self.session, rank, row.session, bytes);
        latest(&mut self.error, row.start_ns, row.error, bytes);
    }

    /// Merges the summary of other spans of the trace.
    pub(super) fn merge(&mut self, other: Self) {
        self.start_ns = self.start_ns.min(other.start_ns);
        self.end_ns = self.end_ns.max(other.end_ns);
        self.span_count = self.span_count.saturating_add(other.span_count);
        self.error_count = self.error_count.saturating_add(other.error_count);
        self.root = self.root.min(other.root);
        self.has_root |= other.has_root;
        self.services.extend(other.services);
        keep_least(&mut self.services);
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
}

/// The most services of a trace: one more than a summary shows, which tells that there are more.
const MAX_SERVICES: usize = TraceSummary::MAX_SERVICES + 1;

/// Keeps the least services, so that the order of arrival does not matter.
fn keep_least(services: &mut BTreeSet<i64>) {
    while services.len() > MAX_SERVICES {
        services.pop_last();
    }
}

/// Keeps the text with the least rank; texts are compared only when ranks are equal.
fn least(mine: &mut Option<RankedText>, rank: i64, text: Option<TextAt>, bytes: &[u8]) {
    keep(mine, rank, text, bytes, Ordering::Less);
}

/// Keeps the text with the greatest rank: the latest failure is the deepest in the trace.
fn latest(mine: &mut Option<RankedText>, rank: i64, text: Option<TextAt>, bytes: &[u8]) {
    keep(mine, rank, text, bytes, Ordering::Greater);
}

/// Replaces a text when the comparison of the ranks, or of the texts at equal ranks, gives
/// `wanted`.
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
