//! One column of a block that is being built.

use crate::block::kind::{ColumnKind, Layout};
use crate::varint;

/// A column while its block is built.
#[derive(Debug)]
pub(super) struct Column {
    pub kind: ColumnKind,
    pub key: Box<[u8]>,
    /// The hash of the key, see [`FilterEntry::key_hash`].
    pub key_hash: u64,
    pub value_count: usize,
    /// The lengths of the values. Empty if the layout has no lengths.
    pub lengths: Vec<u8>,
    pub data: Vec<u8>,
}

impl Column {
    pub(super) fn new(kind: ColumnKind, key: &[u8], key_hash: u64, buffers: ColumnBuffers) -> Self {
        Self {
            kind,
            key: key.into(),
            key_hash,
            value_count: 0,
            lengths: buffers.lengths,
            data: buffers.data,
        }
    }

    /// Appends a value.
    pub(super) fn push(&mut self, value: &[u8]) {
        if self.kind.layout() == Layout::Sized {
            varint::put(value.len() as u64, &mut self.lengths);
        }
        self.data.extend_from_slice(value);
        self.value_count += 1;
    }

    /// Appends a number.
    pub(super) fn push_number(&mut self, number: i64) {
        varint::put(varint::zigzag(number), &mut self.data);
        self.value_count += 1;
    }

    /// Removes the last value.
    pub(super) fn pop(&mut self) {
        self.value_count -= 1;
        match self.kind.layout() {
            Layout::Fixed(len) => self.data.truncate(self.data.len() - len),
            Layout::Varint => self.data.truncate(last_varint(&self.data)),
            Layout::Sized => {
                let at = last_varint(&self.lengths);
                let len = varint::take_size(&mut &self.lengths[at..]).unwrap_or_default();
                self.lengths.truncate(at);
                self.data.truncate(self.data.len() - len);
            }
        }
    }

    /// Returns the uncompressed size, in bytes.
    pub(super) fn raw_len(&self) -> usize {
        self.lengths.len() + self.data.len()
    }
}

/// The empty buffers of a column. They keep the capacity that they had in the previous block.
#[derive(Debug, Default)]
pub(super) struct ColumnBuffers {
    lengths: Vec<u8>,
    data: Vec<u8>,
}

impl ColumnBuffers {
    /// The maximum size of a buffer that is reused, in bytes. The next block rarely needs a larger
    /// one.
    const MAX_KEPT_BYTES: usize = 2 << 20;

    pub(super) fn of(column: Column) -> Self {
        let emptied = |mut bytes: Vec<u8>| {
            bytes.clear();
            bytes.shrink_to(Self::MAX_KEPT_BYTES);
            bytes
        };
        Self {
            lengths: emptied(column.lengths),
            data: emptied(column.data),
        }
    }

    /// Returns the allocated size, in bytes.
    pub(super) fn capacity(&self) -> usize {
        self.lengths.capacity() + self.data.capacity()
    }
}

/// Returns the position of the last varint of a list.
fn last_varint(bytes: &[u8]) -> usize {
    let before = bytes.split_last().map_or(&[][..], |(_, before)| before);
    let end = before.iter().rposition(|byte| *byte < 0x80);
    end.map_or(0, |end| end + 1)
}
