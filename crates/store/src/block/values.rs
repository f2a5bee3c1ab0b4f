//! Reads columns: frames are decompressed when they are loaded, values are slices of them.

use super::Corrupt;
use super::directory::{Directory, checksum};
use super::kind::Layout;
use crate::varint;

const WHAT: Corrupt = Corrupt("columns");

/// A directory with the frames that were loaded.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub directory: Directory,
    frames: Vec<Option<Vec<u8>>>,
}

impl Columns {
    pub(crate) fn new(directory: Directory) -> Self {
        let frames = vec![None; directory.frames.len()];
        Self { directory, frames }
    }

    /// Loads a frame from its stored bytes.
    ///
    /// # Errors
    /// [`Corrupt`] when a byte of it changed.
    pub(crate) fn load(&mut self, frame: usize, stored: &[u8]) -> Result<(), Corrupt> {
        let entry = self.directory.frames.get(frame).ok_or(WHAT)?;
        if stored.len() != entry.compressed_len || checksum(stored) != entry.checksum {
            return Err(WHAT);
        }
        let raw = zstd::bulk::decompress(stored, entry.raw_len).map_err(|_| WHAT)?;
        if raw.len() != entry.raw_len {
            return Err(WHAT);
        }
        self.frames[frame] = Some(raw);
        Ok(())
    }

    /// Loads every frame from the stored columns.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub(crate) fn load_all(&mut self, stored: &[u8]) -> Result<(), Corrupt> {
        for frame in 0..self.directory.frames.len() {
            let entry = self.directory.frames[frame];
            let bytes = stored.get(entry.offset..entry.offset + entry.compressed_len);
            self.load(frame, bytes.ok_or(WHAT)?)?;
        }
        Ok(())
    }

    /// Loads the frames of some columns from the stored columns.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub(crate) fn load_columns(&mut self, wanted: &[usize], stored: &[u8]) -> Result<(), Corrupt> {
        for &column in wanted {
            if self.is_loaded(column) {
                continue;
            }
            let frame = self.directory.columns.get(column).ok_or(WHAT)?.frame;
            let entry = *self.directory.frames.get(frame).ok_or(WHAT)?;
            let bytes = stored.get(entry.offset..entry.offset + entry.compressed_len);
            self.load(frame, bytes.ok_or(WHAT)?)?;
        }
        Ok(())
    }

    /// Returns whether the frame of a column is loaded.
    pub(crate) fn is_loaded(&self, column: usize) -> bool {
        let entry = self.directory.columns.get(column);
        entry.is_some_and(|entry| matches!(self.frames.get(entry.frame), Some(Some(_))))
    }

    /// The values of a column whose frame is loaded.
    ///
    /// # Errors
    /// [`Corrupt`].
    pub(crate) fn values(&self, column: usize) -> Result<Values<'_>, Corrupt> {
        let entry = self.directory.columns.get(column).ok_or(WHAT)?;
        let frame = self.frames.get(entry.frame).ok_or(WHAT)?;
        let bytes = frame.as_deref().ok_or(WHAT)?;
        let bytes = bytes.get(entry.offset..).ok_or(WHAT)?;
        let (lengths, data) = bytes.split_at_checked(entry.lengths_len).ok_or(WHAT)?;
        Ok(Values {
            layout: entry.kind.layout(),
            lengths,
            data: data.get(..entry.data_len).ok_or(WHAT)?,
        })
    }
}

/// The values of a column, one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'a> {
    layout: Layout,
    lengths: &'a [u8],
    data: &'a [u8],
}

impl<'a> Values<'a> {
    /// The bytes of all values that are left, without what separates them.
    pub(crate) const fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The bytes of the next value.
    ///
    /// # Errors
    /// [`Corrupt`] when there is none.
    pub(crate) fn next(&mut self) -> Result<&'a [u8], Corrupt> {
        let len = match self.layout {
            Layout::Fixed(len) => len,
            Layout::Varint => {
                let end = self.data.iter().position(|byte| *byte < 0x80);
                end.ok_or(WHAT)? + 1
            }
            Layout::Sized => varint::take_size(&mut self.lengths).ok_or(WHAT)?,
        };
        varint::take_bytes(&mut self.data, len).ok_or(WHAT)
    }

    /// The next value of a column of signed numbers.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub(crate) fn next_number(&mut self) -> Result<i64, Corrupt> {
        let number = varint::take(&mut self.data).ok_or(WHAT)?;
        Ok(varint::unzigzag(number))
    }
}
