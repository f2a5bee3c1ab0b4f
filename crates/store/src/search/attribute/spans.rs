//! Reads the columns of an attribute test and returns the spans that pass.

use core::sync::atomic::Ordering;

use memchr::memmem;
use throughline_codec::binary;
use throughline_model::AttributeOwner;
use throughline_wire::{Attributes, SpanEvent};

use super::AttributeScan;
use super::column::column_hits;
use super::payload::Offloaded;
use crate::block::{ColumnKind, Corrupt, Values};
use crate::payload_refs::{Reference, ValuePath};
use crate::search::bits::Bits;
use crate::search::predicate::AttributeTest;
use crate::search::value::ValueTest;

const WHAT: Corrupt = Corrupt("columns");

impl AttributeScan<'_> {
    /// Returns the spans that pass.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if the block is damaged.
    pub(in crate::search) fn bits(&self, test: &AttributeTest) -> Result<Bits, Corrupt> {
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
            let place = usize::try_from(values.next_number()?).map_err(|_| WHAT)?;
            if passing.contains(listed.get(place).ok_or(WHAT)?) {
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
        if let Some(passes) = test.test.payload(reference) {
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
                matches!(reference.path, ValuePath::Attribute(place)
                    if directory.attribute_column(position, place as usize) == Some(column))
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
                    let place = |attribute| ValuePath::Event {
                        at: event,
                        attribute,
                    };
                    self.any_passes(test, attributes, references, place, &mut buffer)
                });
            if passes {
                bits.set(position);
            }
        }
        Ok(())
    }

    /// Returns true if an attribute of a span or an event passes. `place` maps the index of an
    /// attribute to its payload path.
    fn any_passes(
        &self,
        test: &AttributeTest,
        attributes: &Attributes,
        references: &[Reference],
        place: impl Fn(u32) -> ValuePath,
        buffer: &mut String,
    ) -> bool {
        (0..).zip(attributes.iter()).any(|(at, (key, value))| {
            if !test.is_key(key.as_bytes()) {
                return false;
            }
            let at = place(at);
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
