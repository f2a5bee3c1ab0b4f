//! Finds the spans of a block that pass an attribute test. The attribute can belong to the span,
//! its events, its resource or its scope.

mod column;
mod payload;

use core::cell::RefCell;
use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::HashSet;

use memchr::memmem;
use throughline_codec::binary;
use throughline_model::AttributeOwner;
use throughline_wire::{Attributes, SpanEvent};

use self::column::column_hits;
use self::payload::Offloaded;
pub(super) use self::payload::{Outcomes, Unread};
use super::bits::Bits;
use super::load::LoadedBlock;
use super::plan::DictionaryTests;
use super::predicate::AttributeTest;
use super::scanner::Inputs;
use super::value::ValueTest;
use crate::block::{ColumnKind, Corrupt, Values};
use crate::ids::IdSet;
use crate::payload_refs::{Reference, ValuePath};

const WHAT: Corrupt = Corrupt("columns");

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

    /// Returns the spans that pass.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if the block is damaged.
    pub(super) fn bits(&self, test: &AttributeTest) -> Result<Bits, Corrupt> {
        let mut bits = Bits::none(self.block.skeleton.len());
        self.add_listed(test, ColumnKind::Resource, &mut bits)?;
        self.add_listed(test, ColumnKind::Scope, &mut bits)?;
        if bits.is_full() {
            return Ok(bits);
        }
        let offloaded = self.offloaded(test)?;
        if test.is_of(AttributeOwner::Span) {
            for column in self.columns(test) {
                self.add_column(test, column, &offloaded, &mut bits)?;
            }
            self.add_all_attributes(test, &offloaded, &mut bits)?;
        }
        if test.is_of(AttributeOwner::Event) {
            self.add_events(test, &offloaded, &mut bits)?;
        }
        Ok(bits)
    }

    fn add_listed(
        &self,
        test: &AttributeTest,
        kind: ColumnKind,
        bits: &mut Bits,
    ) -> Result<(), Corrupt> {
        let (passing_count, all) = self.passing(test, kind);
        let Some((listed, passing)) = self.listed(test, kind) else {
            return Ok(());
        };
        if passing_count == 0 {
            return Ok(());
        }
        if test.key.is_none() {
            for name in &self.dictionary.names {
                self.name(test, name.as_bytes());
            }
        }
        if passing_count == all {
            *bits = Bits::all(self.block.skeleton.len());
            return Ok(());
        }
        let Some(column) = self.field(kind) else {
            return Ok(());
        };
        let mut values = self.block.columns.values(column)?;
        for position in self.positions(column) {
            let index = usize::try_from(values.next_number()?).map_err(|_| WHAT)?;
            if passing.contains(listed.get(index).ok_or(WHAT)?) {
                bits.set(position);
            }
        }
        Ok(())
    }

    /// Returns the positions of the spans with a value in a column, in the order of the values.
    fn positions(&self, column: usize) -> impl Iterator<Item = usize> {
        let directory = &self.block.columns.directory;
        let counts: Vec<usize> = directory
            .shapes
            .iter()
            .map(|shape| shape.iter().filter(|of| **of as usize == column).count())
            .collect();
        let shapes = directory.shape_of.iter().enumerate();
        shapes.flat_map(move |(position, shape)| {
            let count = counts.get(*shape as usize).copied().unwrap_or_default();
            core::iter::repeat_n(position, count)
        })
    }

    /// Returns the offloaded payloads of the spans, if the test may need them.
    fn offloaded(&self, test: &AttributeTest) -> Result<Offloaded, Corrupt> {
        match self.field(ColumnKind::Payloads) {
            Some(column) if self.fields(test).any(|field| field == column) => {
                Offloaded::read(self.positions(column), self.block.columns.values(column)?)
            }
            _ => Ok(Offloaded::default()),
        }
    }

    /// Returns true if a payload passes. If its text must be read first, records the payload and
    /// returns false.
    fn payload_passes(&self, test: &AttributeTest, reference: &Reference) -> bool {
        let is_text = reference.filter_entry != 0;
        if let Some(passes) = test.test.payload(is_text, &reference.hash) {
            return passes;
        }
        let key = (test.number, reference.hash);
        if let Some(passes) = self.outcomes.get(&key) {
            *passes
        } else {
            self.unread.borrow_mut().insert(key);
            false
        }
    }

    fn add_column(
        &self,
        test: &AttributeTest,
        column: usize,
        offloaded: &Offloaded,
        bits: &mut Bits,
    ) -> Result<(), Corrupt> {
        let directory = &self.block.columns.directory;
        let entry = directory.columns.get(column).ok_or(WHAT)?;
        if matches!(test.test, ValueTest::Exists) {
            self.positions(column)
                .for_each(|position| bits.set(position));
            return Ok(());
        }
        let hits = column_hits(
            &test.test,
            entry.kind,
            self.block.columns.values(column)?,
            entry.value_count,
            self.cancelled,
        )?;
        if hits.is_empty() && offloaded.is_empty() {
            return Ok(());
        }
        for (ordinal, position) in self.positions(column).enumerate() {
            let reference = offloaded.at(position).iter().find(|reference| {
                matches!(reference.path, ValuePath::Attribute(attribute)
                    if directory.attribute_column(position, attribute as usize) == Some(column))
            });
            let passes = match reference {
                Some(reference) => self.payload_passes(test, reference),
                None => hits.has(ordinal),
            };
            if passes {
                self.name(test, &entry.key);
                bits.set(position);
            }
        }
        Ok(())
    }

    fn add_all_attributes(
        &self,
        test: &AttributeTest,
        offloaded: &Offloaded,
        bits: &mut Bits,
    ) -> Result<(), Corrupt> {
        let Some(column) = self.field(ColumnKind::AllAttributes) else {
            return Ok(());
        };
        let mut values = self.block.columns.values(column)?;
        let mut buffer = String::new();
        for position in self.positions(column) {
            let bytes = values.next()?;
            // The bytes come from a sender. If they cannot be decoded, the event has no attributes.
            let attributes = binary::decode_attributes(bytes).unwrap_or_default();
            let references = offloaded.at(position);
            if self.any_passes(
                test,
                &attributes,
                references,
                ValuePath::Attribute,
                &mut buffer,
            ) {
                bits.set(position);
            }
        }
        Ok(())
    }

    fn add_events(
        &self,
        test: &AttributeTest,
        offloaded: &Offloaded,
        bits: &mut Bits,
    ) -> Result<(), Corrupt> {
        let Some(column) = self.field(ColumnKind::Events) else {
            return Ok(());
        };
        let values: Values<'_> = self.block.columns.values(column)?;
        // Bytes that an event must contain if it passes. Offloaded payloads are checked separately.
        let needle = test.key.as_deref().or_else(|| {
            let needle = test.test.needle();
            needle.filter(|_| offloaded.is_empty())
        });
        let finder = needle.map(memmem::Finder::new);
        let may_have = |bytes: &[u8]| {
            finder
                .as_ref()
                .is_none_or(|finder| finder.find(bytes).is_some())
        };
        if !may_have(values.data()) {
            return Ok(());
        }
        let mut values = values;
        let mut buffer = String::new();
        for position in self.positions(column) {
            let bytes = values.next()?;
            if self.cancelled.load(Ordering::Relaxed) {
                break;
            }
            if bits.has(position) || !may_have(bytes) {
                continue;
            }
            let events = binary::decode_events(bytes).unwrap_or_default();
            let references = offloaded.at(position);
            let passes = (0..)
                .zip(&events)
                .any(|(event, SpanEvent { attributes, .. })| {
                    let path = |attribute| ValuePath::Event {
                        at: event,
                        attribute,
                    };
                    self.any_passes(test, attributes, references, path, &mut buffer)
                });
            if passes {
                bits.set(position);
            }
        }
        Ok(())
    }

    /// Returns true if an attribute of a span or an event passes. `path` maps the index of an
    /// attribute to its payload path.
    fn any_passes(
        &self,
        test: &AttributeTest,
        attributes: &Attributes,
        references: &[Reference],
        path: impl Fn(u32) -> ValuePath,
        buffer: &mut String,
    ) -> bool {
        (0..).zip(attributes.iter()).any(|(at, (key, value))| {
            if !test.is_key(key.as_bytes()) {
                return false;
            }
            let at = path(at);
            let reference = references.iter().find(|reference| reference.path == at);
            let passes = match reference {
                Some(reference) => self.payload_passes(test, reference),
                None => test.test.value(value, buffer),
            };
            if passes {
                self.name(test, key.as_bytes());
            }
            passes
        })
    }
}
