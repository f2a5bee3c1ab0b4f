//! A trace as a tree, whatever its spans claim about their parents.
//!
//! Senders are wrong in every way: parents that never come, spans that are their own parent,
//! cycles, ids used twice. The tree shows every span exactly once, below its parent where that is
//! known, and says what it had to do. No recursion: a chain of 100,000 spans is a tree too.

use std::collections::HashMap;

use throughline_wire::{SpanId, UnixNanos};

use super::{SkeletonSpan, TraceSkeleton};

/// The rows of a waterfall in order: each parent before its children, children by start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TraceTree {
    /// The rows; a subtree is a stretch of them.
    pub rows: Vec<TreeRow>,
}

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeRow {
    /// What stands on it.
    pub item: TreeItem,
    /// How many rows lie above it on the way to its root.
    pub depth: u32,
    /// How many rows its subtree has, itself included: the next sibling is so many rows further.
    pub size: u32,
    /// What is odd about it.
    pub oddity: Oddity,
}

/// What stands on a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeItem {
    /// The span at this index of [`TraceSkeleton::spans`].
    Span(usize),
    /// A parent that spans name and that has not come; they are its children.
    MissingParent(SpanId),
}

/// What a tree had to do to show a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Oddity {
    /// Its parent has not come.
    pub orphan: bool,
    /// It is its own ancestor, and the earliest of that cycle: shown as a root.
    pub cycle_cut: bool,
    /// Another span has the same id.
    pub duplicate_id: bool,
}

#[derive(Clone, Copy)]
enum Parent {
    None,
    Span(usize),
    Missing(SpanId),
}

impl TraceTree {
    /// Builds the tree; takes time in proportion to the number of spans (and to sort them).
    pub fn of(skeleton: &TraceSkeleton) -> Self {
        let spans = &skeleton.spans;
        let (mut parents, mut oddities) = find_parents(spans);
        cut_cycles(spans, &mut parents, &mut oddities);
        Self::lay_out(spans, &parents, &oddities)
    }

    fn lay_out(spans: &[SkeletonSpan], parents: &[Parent], oddities: &[Oddity]) -> Self {
        let mut order: Vec<usize> = (0..spans.len()).collect();
        order.sort_by_key(|&at| (spans[at].start, at));

        // Nodes are the spans and, after them, one for each missing parent.
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

    /// The row of the first span with this id.
    pub fn row_of(&self, skeleton: &TraceSkeleton, id: SpanId) -> Option<usize> {
        self.rows.iter().position(|row| match row.item {
            TreeItem::Span(at) => skeleton.spans[at].span_id == id,
            TreeItem::MissingParent(_) => false,
        })
    }

    /// Which rows stay on screen when the subtrees of the rows `collapsed` names are folded away.
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

fn find_parents(spans: &[SkeletonSpan]) -> (Vec<Parent>, Vec<Oddity>) {
    // Some tracers give both halves of a call the same id: a child belongs to the half in its own
    // service. So look there first.
    let mut by_id: HashMap<SpanId, usize> = HashMap::with_capacity(spans.len());
    let mut by_service: HashMap<(SpanId, u32), usize> = HashMap::with_capacity(spans.len());
    let mut oddities = vec![Oddity::default(); spans.len()];
    for (at, span) in spans.iter().enumerate() {
        let first = *by_id.entry(span.span_id).or_insert(at);
        by_service.entry((span.span_id, span.service)).or_insert(at);
        if first != at {
            oddities[first].duplicate_id = true;
            oddities[at].duplicate_id = true;
        }
    }
    let parents = spans
        .iter()
        .zip(&mut oddities)
        .map(|(span, oddity)| {
            let Some(id) = span.parent_span_id else {
                return Parent::None;
            };
            if id == span.span_id {
                oddity.cycle_cut = true;
                return Parent::None;
            }
            let found = by_service.get(&(id, span.service)).or(by_id.get(&id));
            oddity.orphan = found.is_none();
            found.map_or(Parent::Missing(id), |&parent| Parent::Span(parent))
        })
        .collect();
    (parents, oddities)
}

/// Follows each span's ancestors once; a walk that meets itself has found a cycle, which is cut
/// above its earliest span.
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
    let key = |at: usize| -> (UnixNanos, usize) { (spans[at].start, at) };
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

/// Sets the sizes of subtrees, from the last row to the first.
fn measure(rows: &mut [TreeRow]) {
    // How many rows of each depth's open subtree lie below the row looked at.
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
