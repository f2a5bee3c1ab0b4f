//! Compresses the columns of a block in frames.

use zstd::bulk::Compressor;

use super::column::Column;
use crate::block::directory::{ColumnEntry, FrameEntry, checksum};

/// Writes the frames of a block.
pub(super) struct Frames<'a, 'b> {
    compressor: &'a mut Compressor<'b>,
    entries: Vec<FrameEntry>,
    /// The uncompressed bytes of the current frame.
    raw: Vec<u8>,
    compressed: Vec<u8>,
    out: Vec<u8>,
}

impl<'a, 'b> Frames<'a, 'b> {
    pub(super) fn new(compressor: &'a mut Compressor<'b>) -> Self {
        Self {
            compressor,
            entries: Vec::new(),
            raw: Vec::new(),
            compressed: Vec::new(),
            out: Vec::new(),
        }
    }

    /// Adds a column to the current frame.
    pub(super) fn add(&mut self, column: &Column) -> ColumnEntry {
        let entry = ColumnEntry {
            kind: column.kind,
            key: column.key.clone(),
            value_count: column.value_count,
            frame: self.entries.len(),
            offset: self.raw.len(),
            lengths_len: column.lengths.len(),
            data_len: column.data.len(),
        };
        self.raw.extend_from_slice(&column.lengths);
        self.raw.extend_from_slice(&column.data);
        entry
    }

    /// Compresses the current frame if it is not empty.
    pub(super) fn close(&mut self) -> std::io::Result<()> {
        if self.raw.is_empty() {
            return Ok(());
        }
        self.compressed.clear();
        self.compressed
            .reserve(zstd::zstd_safe::compress_bound(self.raw.len()));
        self.compressor
            .compress_to_buffer(&self.raw, &mut self.compressed)?;
        self.entries.push(FrameEntry {
            offset: self.out.len(),
            compressed_len: self.compressed.len(),
            raw_len: self.raw.len(),
            checksum: checksum(&self.compressed),
        });
        self.out.extend_from_slice(&self.compressed);
        self.raw.clear();
        Ok(())
    }

    /// Returns the uncompressed size of the current frame, in bytes.
    pub(super) fn open_len(&self) -> usize {
        self.raw.len()
    }

    /// Returns the directory entries and the bytes of the frames.
    pub(super) fn finish(self) -> (Vec<FrameEntry>, Vec<u8>) {
        (self.entries, self.out)
    }
}
