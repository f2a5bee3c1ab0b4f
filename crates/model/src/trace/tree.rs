//! Builds a tree from the spans of a trace, even if their parents are wrong.
//!
//! Senders make all kinds of mistakes: parents that never arrive, spans that are their own parent,
//! cycles, duplicate ids. The tree shows every span exactly once. A span is below its parent if
//! that parent is known. A server's span that shares the id of its caller's is below it. [`Oddity`]
//! records each correction. The code does not recurse, so a chain of 100,000 spans does not
//! overflow the stack.

use std::collections::HashMap;

use throughline_wire::SpanId;

use super::order::{SpanOrder, span_order};
use super::shared::SharedIds;
use super::{SkeletonSpan, TraceSkeleton};

/// The rows of a waterfall in order: each parent before its children, children in the order of
/// [`span_order`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TraceTree {
    /// The rows. A subtree is a contiguous range of them.
    pub rows: Vec<TreeRow>,
}

/// A row of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeRow {
    /// The content of the row.
    pub item: TreeItem,
    /// The number of ancestors of the row.
    pub depth: u32,
    /// The number of rows of its subtree, itself included. The next sibling follows after this many
    /// rows.
    pub size: u32,
    /// The corrections that were made to show it.
    pub oddity: Oddity,
}

/// The content of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeItem {
    /// The span at this index of [`TraceSkeleton::spans`].
    Span(usize),
    /// A parent that spans name but that is not stored. Those spans are its children.
    MissingParent(SpanId),
}

/// The corrections that the tree made to show a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Oddity {
    /// True if its parent is not stored.
    pub orphan: bool,
    /// True if the span is its own ancestor. The earliest span of the cycle is shown as a root.
    pub cycle_cut: bool,
    /// True if another span has the same id, and the two are not the client and the server of one
    /// call.
    pub duplicate_id: bool,
}

#[derive(Clone, Copy)]
enum Parent {
    None,
    Span(usize),
    Missing(SpanId),
}

impl TraceTree {
    /// Builds the tree in O(n log n), because it sorts the spans.
    pub fn of(skeleton: &TraceSkeleton) -> Self {
        let spans = &skeleton.spans;
        let (mut parents, mut oddities) = find_parents(spans);
        cut_cycles(spans, &mut parents, &mut oddities);
        Self::lay_out(spans, &parents, &oddities)
    }

    fn lay_out(spans: &[SkeletonSpan], parents: &[Parent], oddities: &[Oddity]) -> Self {
        let mut order: Vec<usize> = (0..spans.len()).collect();
        order.sort_by_key(|&at| (order_of(&spans[at]), at));

        // The nodes are the spans, followed by one node for each missing parent.
        let mut missing: Vec<SpanId> = Vec::new();
        let mut missing_at: HashMap<SpanId, usize> = HashMap::new();
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); spans.len()];
        let mut roots = Vec::new();
        for at in order {
            match parents[at] {
                Parent::None => roots.push(at),
                Parent::Span(parent) => children[parent].push(at),
                Parent::Missing(id) => {
                    let node = *missing_at.entry(id).or_insert_with(|| {
                        missing.push(id);
                        children.push(Vec::new());
                        roots.push(children.len() - 1);
                        children.len() - 1
                    });
                    children[node].push(at);
                }
            }
        }

        let mut rows = Vec::with_capacity(children.len());
        let mut stack: Vec<(usize, u32)> = roots.into_iter().rev().map(|node| (node, 0)).collect();
        while let Some((node, depth)) = stack.pop() {
            let (item, oddity) = match node.checked_sub(spans.len()) {
                None => (TreeItem::Span(node), oddities[node]),
                Some(at) => (TreeItem::MissingParent(missing[at]), Oddity::default()),
            };
            rows.push(TreeRow {
                item,
                depth,
                size: 1,
                oddity,
            });
            stack.extend(children[node].iter().rev().map(|&child| (child, depth + 1)));
        }
        measure(&mut rows);
        Self { rows }
    }

    /// Returns the row of the first span with this id.
    pub fn row_of(&self, skeleton: &TraceSkeleton, id: SpanId) -> Option<usize> {
        self.rows.iter().position(|row| match row.item {
            TreeItem::Span(at) => skeleton.spans[at].span_id == id,
            TreeItem::MissingParent(_) => false,
        })
    }

    /// Reports for each row whether it is visible. Rows below a row for which `collapsed` returns
    /// true are hidden.
    pub fn visible(&self, collapsed: impl Fn(usize) -> bool) -> Vec<bool> {
        let mut visible = vec![false; self.rows.len()];
        let mut at = 0;
        while let Some(row) = self.rows.get(at) {
            visible[at] = true;
            at += if collapsed(at) { row.size as usize } else { 1 };
        }
        visible
    }
}

fn order_of(span: &SkeletonSpan) -> SpanOrder {
    span_order(span.start, span.duration_ns, span.span_id.to_i64())
}

fn find_parents(spans: &[SkeletonSpan]) -> (Vec<Parent>, Vec<Oddity>) {
    let ids = SharedIds::of(spans);
    let mut oddities = vec![Oddity::default(); spans.len()];
    let parents = spans
        .iter()
        .zip(&mut oddities)
        .enumerate()
        .map(|(at, (span, oddity))| {
            oddity.duplicate_id = ids.is_duplicate(span);
            if let Some(parent) = ids.parent_of(spans, at) {
                return Parent::Span(parent);
            }
            match span.parent_span_id {
                None => Parent::None,
                Some(id) if id == span.span_id => {
                    oddity.cycle_cut = true;
                    Parent::None
                }
                Some(id) => {
                    oddity.orphan = true;
                    Parent::Missing(id)
                }
            }
        })
        .collect();
    (parents, oddities)
}

/// Cuts each cycle above its earliest span. The walk follows the ancestors of each span once: if it
/// reaches a span of the same walk again, it has found a cycle.
fn cut_cycles(spans: &[SkeletonSpan], parents: &mut [Parent], oddities: &mut [Oddity]) {
    const UNSEEN: usize = usize::MAX;
    let mut walk_of = vec![UNSEEN; spans.len()];
    for first in 0..spans.len() {
        let mut at = first;
        while walk_of[at] == UNSEEN {
            walk_of[at] = first;
            let Parent::Span(parent) = parents[at] else {
                break;
            };
            if walk_of[parent] == first {
                let cut = earliest_of_cycle(spans, parents, parent);
                parents[cut] = Parent::None;
                oddities[cut].cycle_cut = true;
                break;
            }
            at = parent;
        }
    }
}

fn earliest_of_cycle(spans: &[SkeletonSpan], parents: &[Parent], within: usize) -> usize {
    let key = |at: usize| (order_of(&spans[at]), at);
    let (mut at, mut earliest) = (within, within);
    while let Parent::Span(parent) = parents[at] {
        if key(parent) < key(earliest) {
            earliest = parent;
        }
        at = parent;
        if at == within {
            break;
        }
    }
    earliest
}

/// Computes the sizes of the subtrees, from the last row to the first.
fn measure(rows: &mut [TreeRow]) {
    // The number of rows below the current row, for the open subtree of each depth.
    let mut below: Vec<u32> = Vec::new();
    for row in rows.iter_mut().rev() {
        let depth = row.depth as usize;
        if below.len() < depth + 2 {
            below.resize(depth + 2, 0);
        }
        row.size = 1 + core::mem::take(&mut below[depth + 1]);
        below[depth] += row.size;
    }
}

#[cfg(test)]
mod tests;
