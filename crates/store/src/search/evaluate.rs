//! Evaluates the leaves of a plan over all spans of a block at once.

use std::collections::HashSet;

use uuid::Uuid;

use super::attribute::AttributeScan;
use super::bits::Bits;
use super::condition::LeafBits;
use super::inputs::{Inputs, Unread};
use super::load::LoadedBlock;
use super::plan::{Leaf, ScanPlan};
use super::predicate::Node;
use crate::block::Corrupt;

/// The leaves that a trace matched in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    pub trace_id: Uuid,
    pub leaves: LeafBits,
    /// The first span that matched the first of the leaves that are not negated.
    pub position: u32,
}

/// The traces of a block with a span that matched, in the order of their IDs.
#[derive(Debug, Default)]
pub(super) struct BlockHits {
    pub hits: Vec<Hit>,
    /// The payloads that must be read first. If it is not empty, the hits are incomplete.
    pub unread: Unread,
    /// The names of attributes that passed tests of any attribute.
    pub names: HashSet<Vec<u8>>,
}

/// Evaluates one block.
pub(super) struct Evaluation<'a> {
    plan: &'a ScanPlan,
    block: &'a LoadedBlock,
    attributes: AttributeScan<'a>,
    len: usize,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(inputs: Inputs<'a>, block: &'a LoadedBlock) -> Self {
        Self {
            plan: inputs.plan,
            block,
            attributes: AttributeScan::new(inputs, block),
            len: block.skeleton.len(),
        }
    }

    fn leaves(&self) -> impl Iterator<Item = (usize, &'a Node)> {
        let wanted = self.block.info.leaves;
        let leaves = self.plan.leaves.iter().enumerate();
        leaves.filter_map(move |(at, leaf)| match leaf {
            Leaf::Span(node) if wanted >> at & 1 == 1 => Some((at, node)),
            _ => None,
        })
    }

    /// Returns the frames that the leaves need, judged by the skeleton and the directory.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if the block is damaged.
    pub(super) fn wanted_frames(&self) -> Result<Vec<usize>, Corrupt> {
        let mut frames = Vec::new();
        for (_, node) in self.leaves() {
            if !self.bits(node, Mode::Bound)?.is_empty() {
                self.note_frames(node, &mut frames);
            }
        }
        frames.sort_unstable();
        frames.dedup();
        Ok(frames)
    }

    fn note_frames(&self, node: &Node, frames: &mut Vec<usize>) {
        match node {
            Node::And(parts) | Node::Or(parts) => {
                for part in parts {
                    self.note_frames(part, frames);
                }
            }
            Node::Not(part) => self.note_frames(part, frames),
            Node::Attribute(test) => self.attributes.note_frames(test, frames),
            _ => {}
        }
    }

    /// Returns the traces that match. The frames must be loaded.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if the block is damaged.
    pub(super) fn hits(self) -> Result<BlockHits, Corrupt> {
        let positive = self.plan.condition.positive();
        let mut matched = Vec::new();
        for (leaf, node) in self.leaves() {
            if self.bits(node, Mode::Bound)?.is_empty() {
                continue;
            }
            let bits = self.bits(node, Mode::Exact)?;
            if !bits.is_empty() {
                matched.push((leaf, bits));
            }
        }
        let mut hits = Vec::new();
        let skeleton = &self.block.skeleton;
        let mut begin = 0;
        for (trace_id, &end) in skeleton.trace_ids.iter().zip(&skeleton.trace_ends) {
            let end = usize::try_from(end).map_err(|_| Corrupt("skeleton"))?;
            let mut hit = Hit {
                trace_id: *trace_id,
                leaves: 0,
                position: 0,
            };
            for (leaf, bits) in &matched {
                let Some(first) = bits.first_in(begin..end) else {
                    continue;
                };
                if hit.leaves & positive == 0 {
                    hit.position = first as u32;
                }
                hit.leaves |= 1 << leaf;
            }
            if hit.leaves != 0 {
                hits.push(hit);
            }
            begin = end;
        }
        let (unread, names) = self.attributes.finish();
        Ok(BlockHits {
            hits,
            unread,
            names,
        })
    }

    fn bits(&self, node: &Node, mode: Mode) -> Result<Bits, Corrupt> {
        let skeleton = &self.block.skeleton;
        let len = self.len;
        Ok(match node {
            Node::And(parts) => {
                let mut bits = Bits::all(len);
                // Evaluates the nodes of the skeleton first. If no span passes them, no attributes
                // must be read.
                let (late, early): (Vec<_>, Vec<_>) =
                    parts.iter().partition(|part| has_attributes(part));
                for part in early.into_iter().chain(late) {
                    if bits.is_empty() {
                        break;
                    }
                    bits.and(&self.bits(part, mode)?);
                }
                bits
            }
            Node::Or(parts) => {
                let mut bits = Bits::none(len);
                for part in parts {
                    bits.or(&self.bits(part, mode)?);
                }
                bits
            }
            Node::Not(part) if mode == Mode::Bound && has_attributes(part) => Bits::all(len),
            Node::Not(part) => self.bits(part, mode)?.not(),
            Node::Operation(test) => {
                let ids = self.plan.dictionary.operation_ids.get(*test);
                let operations = skeleton.operations.as_deref().unwrap_or_default();
                let passes: Vec<bool> = operations
                    .iter()
                    .map(|id| ids.is_some_and(|ids| ids.contains(id)))
                    .collect();
                let indexes = skeleton.operation_indexes.as_deref().unwrap_or_default();
                Bits::of(len, |at| {
                    let index = indexes
                        .get(at)
                        .and_then(|index| usize::try_from(*index).ok());
                    index
                        .and_then(|index| passes.get(index))
                        .copied()
                        .unwrap_or(false)
                })
            }
            Node::Status(wanted) => {
                let statuses = skeleton.statuses.as_deref().unwrap_or_default();
                Bits::of(len, |at| statuses.get(at) == Some(wanted))
            }
            Node::Message(test) => {
                let mut bits = Bits::none(len);
                let messages = skeleton.messages.as_deref().unwrap_or_default();
                let spans = skeleton.message_spans.as_deref().unwrap_or_default();
                for (span, message) in spans.iter().zip(messages) {
                    if test.is(message) {
                        bits.set(usize::try_from(*span).map_err(|_| Corrupt("skeleton"))?);
                    }
                }
                bits
            }
            Node::Duration(operator, wanted) => {
                let short = skeleton.durations.as_deref().unwrap_or_default();
                let long = skeleton.long_durations.as_deref().unwrap_or_default();
                Bits::of(len, |at| {
                    let duration = short.get(at).copied().map(i64::from);
                    let duration = duration.or_else(|| long.get(at).copied());
                    duration.is_some_and(|duration| wanted.is(*operator, duration))
                })
            }
            Node::SpanId(wanted) => {
                let ids = skeleton.span_ids.as_deref().unwrap_or_default();
                Bits::of(len, |at| ids.get(at) == Some(wanted))
            }
            Node::Attribute(test) if mode == Mode::Bound => {
                if self.attributes.may_match(test) {
                    Bits::all(len)
                } else {
                    Bits::none(len)
                }
            }
            Node::Attribute(test) => self.attributes.bits(test)?,
        })
    }
}

/// The precision of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Returns a superset: the spans that may match, judged by the skeleton and the directory.
    Bound,
    Exact,
}

fn has_attributes(node: &Node) -> bool {
    match node {
        Node::And(parts) | Node::Or(parts) => parts.iter().any(has_attributes),
        Node::Not(part) => has_attributes(part),
        Node::Attribute(_) => true,
        _ => false,
    }
}
