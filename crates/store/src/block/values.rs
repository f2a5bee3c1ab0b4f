//! Reads columns. Loading a frame decompresses it, and values are slices of it.

use std::sync::Arc;

use super::Corrupt;
use super::directory::{Directory, checksum};
use super::kind::Layout;
use crate::decompress::decompress;
use crate::varint;

const WHAT: Corrupt = Corrupt("columns");

/// A directory with the frames that are loaded.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub directory: Arc<Directory>,
    frames: Vec<Option<Vec<u8>>>,
}

impl Columns {
    pub(crate) fn new(directory: impl Into<Arc<Directory>>) -> Self {
        let directory = directory.into();
        let frames = vec![None; directory.frames.len()];
        Self { directory, frames }
    }

    /// Loads a frame from its stored bytes.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if a byte of it changed.
    pub(crate) fn load(&mut self, frame: usize, stored: &[u8]) -> Result<(), Corrupt> {
        let entry = self.directory.frames.get(frame).ok_or(WHAT)?;
        if stored.len() != entry.compressed_len || checksum(stored) != entry.checksum {
            return Err(WHAT);
        }
        let raw = decompress(stored, entry.raw_len).map_err(|_| WHAT)?;
        if raw.len() != entry.raw_len {
            return Err(WHAT);
        }
        self.frames[frame] = Some(raw);
        Ok(())
    }

    /// Loads all frames from the stored columns.
    ///
    /// # Errors
    /// Returns the errors of [`Self::load`].
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
    /// Returns the errors of [`Self::load`].
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

    /// Returns true if the frame of a column is loaded.
    pub(crate) fn is_loaded(&self, column: usize) -> bool {
        let entry = self.directory.columns.get(column);
        entry.is_some_and(|entry| matches!(self.frames.get(entry.frame), Some(Some(_))))
    }

    /// Returns the values of a column. Its frame must be loaded.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if the frame is not loaded or the directory is wrong.
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

/// A cursor over the values of a column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'a> {
    layout: Layout,
    lengths: &'a [u8],
    data: &'a [u8],
}

impl<'a> Values<'a> {
    /// Returns the bytes of all remaining values, without their lengths.
    pub(crate) const fn data(&self) -> &'a [u8] {
        self.data
    }

    /// Returns the bytes of the next value.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if there is none.
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

    /// Returns the next value of a column of signed numbers.
    ///
    /// # Errors
    /// Returns the errors of [`Self::next`].
    pub(crate) fn next_number(&mut self) -> Result<i64, Corrupt> {
        let number = varint::take(&mut self.data).ok_or(WHAT)?;
        Ok(varint::unzigzag(number))
    }
}
