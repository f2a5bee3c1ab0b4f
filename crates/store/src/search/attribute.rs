//! Finds the spans of a block that pass an attribute test. The attribute can belong to the span,
//! its events, its resource or its scope.
//!
//! This file selects the columns that a test reads, by the directory of the block. `spans` reads
//! them.

mod column;
mod payload;
mod spans;

use core::cell::RefCell;
use core::sync::atomic::AtomicBool;
use std::collections::HashSet;

use throughline_model::AttributeOwner;

use super::inputs::{Inputs, Outcomes, Unread};
use super::load::LoadedBlock;
use super::plan::DictionaryTests;
use super::predicate::AttributeTest;
use super::value::ValueTest;
use crate::block::ColumnKind;
use crate::ids::IdSet;

/// Evaluates attribute tests over one block.
pub(super) struct AttributeScan<'a> {
    dictionary: &'a DictionaryTests,
    block: &'a LoadedBlock,
    outcomes: &'a Outcomes,
    /// True when the request was cancelled.
    cancelled: &'a AtomicBool,
    unread: RefCell<Unread>,
    names: RefCell<HashSet<Vec<u8>>>,
}

impl<'a> AttributeScan<'a> {
    pub(super) fn new(inputs: Inputs<'a>, block: &'a LoadedBlock) -> Self {
        Self {
            dictionary: &inputs.plan.dictionary,
            block,
            outcomes: inputs.outcomes,
            cancelled: inputs.cancelled,
            unread: RefCell::default(),
            names: RefCell::default(),
        }
    }

    /// Returns the payloads that must be read, and the attribute names that passed tests of any
    /// attribute.
    pub(super) fn finish(self) -> (Unread, HashSet<Vec<u8>>) {
        (self.unread.into_inner(), self.names.into_inner())
    }

    /// Records the name of an attribute that passed a test of any attribute.
    fn name(&self, test: &AttributeTest, name: &[u8]) {
        if test.key.is_none() && matches!(test.test, ValueTest::Equal(_)) {
            let mut names = self.names.borrow_mut();
            if !names.contains(name) {
                names.insert(name.to_vec());
            }
        }
    }

    /// Returns the attribute columns with values that may pass.
    fn columns(&self, test: &AttributeTest) -> impl Iterator<Item = usize> {
        let is_of_spans = test.is_of(AttributeOwner::Span);
        let columns = self.block.columns.directory.columns.iter().enumerate();
        columns
            .filter(move |(_, column)| {
                is_of_spans
                    && column.kind.is_attribute()
                    && test.is_key(&column.key)
                    && test.test.may_pass(column.kind)
            })
            .map(|(at, _)| at)
    }

    /// Returns the column of a span field. Returns `None` if no span has it.
    fn field(&self, kind: ColumnKind) -> Option<usize> {
        self.block.columns.directory.columns_of_kind(kind).next()
    }

    /// Returns the field columns that the test reads besides the attribute columns.
    fn fields(&self, test: &AttributeTest) -> impl Iterator<Item = usize> {
        let is_of_spans = test.is_of(AttributeOwner::Span);
        let is_of_events = test.is_of(AttributeOwner::Event);
        [
            (ColumnKind::AllAttributes, is_of_spans),
            (ColumnKind::Events, is_of_events),
            (ColumnKind::Payloads, is_of_spans || is_of_events),
            (
                ColumnKind::Resource,
                self.is_split(test, ColumnKind::Resource),
            ),
            (ColumnKind::Scope, self.is_split(test, ColumnKind::Scope)),
        ]
        .into_iter()
        .filter_map(|(kind, is_read)| if is_read { self.field(kind) } else { None })
    }

    /// Returns the resources or scopes of the block, and the IDs that pass.
    fn listed(&self, test: &AttributeTest, kind: ColumnKind) -> Option<(&'a [i64], &'a IdSet)> {
        let skeleton = &self.block.skeleton;
        let (owner, listed, passing) = if kind == ColumnKind::Resource {
            let passing = self.dictionary.resource_ids.get(&test.number);
            (AttributeOwner::Resource, &skeleton.resources, passing)
        } else {
            let passing = self.dictionary.scope_ids.get(&test.number);
            (AttributeOwner::Scope, &skeleton.scopes, passing)
        };
        test.is_of(owner).then_some(())?;
        Some((listed.as_deref()?, passing?))
    }

    /// Returns the number of resources or scopes of the block that pass, and their total number.
    fn passing(&self, test: &AttributeTest, kind: ColumnKind) -> (usize, usize) {
        self.listed(test, kind).map_or((0, 0), |(listed, passing)| {
            let count = listed.iter().filter(|id| passing.contains(id)).count();
            (count, listed.len())
        })
    }

    /// Returns true if some, but not all, resources or scopes of the block pass. The test must then
    /// read the column to know the resource or scope of each span.
    fn is_split(&self, test: &AttributeTest, kind: ColumnKind) -> bool {
        let (passing, all) = self.passing(test, kind);
        0 < passing && passing < all
    }

    /// Returns true if a span may pass, judged by the directory.
    pub(super) fn may_match(&self, test: &AttributeTest) -> bool {
        self.columns(test).next().is_some()
            || (test.is_of(AttributeOwner::Span) && self.field(ColumnKind::AllAttributes).is_some())
            || (test.is_of(AttributeOwner::Event) && self.field(ColumnKind::Events).is_some())
            || self.passing(test, ColumnKind::Resource).0 > 0
            || self.passing(test, ColumnKind::Scope).0 > 0
    }

    /// Adds the frames that must be loaded to `frames`.
    pub(super) fn note_frames(&self, test: &AttributeTest, frames: &mut Vec<usize>) {
        let is_read = !matches!(test.test, ValueTest::Exists);
        let values = self.columns(test).filter(|_| is_read);
        for column in values.chain(self.fields(test)) {
            frames.extend(
                self.block
                    .columns
                    .directory
                    .columns
                    .get(column)
                    .map(|column| column.frame),
            );
        }
    }
}
