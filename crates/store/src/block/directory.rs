//! The directory of the columns of a block. It lists the columns, their positions and the columns
//! of each span.
//!
//! The stored form has four parts:
//!
//! - a version byte
//! - a checksum of the rest, 4 bytes, little-endian
//! - the length of the body before compression, as a varint
//! - the body, compressed with zstd
//!
//! All numbers in the body are varints. The length of each list precedes the list. The body holds
//! in this order:
//!
//! - the base of the receive times, zigzag-encoded
//! - the frames: compressed length, raw length, 4 bytes of checksum
//! - the columns: 1 byte of kind, length and bytes of the key, number of values, frame, offset in
//!   the frame, bytes of lengths, bytes of data
//! - the shapes: length, columns
//! - the shape of each span

use xxhash_rust::xxh3::xxh3_64;
use zstd::bulk::Compressor;

use super::Corrupt;
use super::kind::ColumnKind;
use crate::decompress::decompress;
use crate::varint;

const VERSION: u8 = 1;
/// The maximum size of a directory or a frame before compression, in bytes. The largest span that
/// ingest accepts has 64 MiB, so a valid block never exceeds this.
pub(super) const MAX_RAW_BYTES: usize = 256 << 20;

/// A part of the columns that is compressed separately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameEntry {
    pub offset: usize,
    pub compressed_len: usize,
    pub raw_len: usize,
    pub checksum: u32,
}

/// The position of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnEntry {
    pub kind: ColumnKind,
    /// The attribute key. Empty for a span field.
    pub key: Box<[u8]>,
    pub value_count: usize,
    pub frame: usize,
    /// The offset in the frame, in bytes.
    pub offset: usize,
    pub lengths_len: usize,
    pub data_len: usize,
}

impl Default for ColumnEntry {
    fn default() -> Self {
        Self {
            kind: ColumnKind::Other,
            key: Box::default(),
            value_count: 0,
            frame: 0,
            offset: 0,
            lengths_len: 0,
            data_len: 0,
        }
    }
}

/// A decoded directory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Directory {
    pub received_base_ns: i64,
    pub frames: Vec<FrameEntry>,
    pub columns: Vec<ColumnEntry>,
    /// The shapes. Each one is a list of columns.
    pub shapes: Vec<Vec<u32>>,
    /// The index of the shape of each span.
    pub shape_of: Vec<u32>,
}

/// Returns the checksum of stored bytes.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    xxh3_64(bytes) as u32
}

impl Directory {
    /// Encodes the directory into the stored form.
    pub(super) fn encode(&self, compressor: &mut Compressor<'_>) -> std::io::Result<Vec<u8>> {
        let mut raw = Vec::new();
        let size = |size: usize, raw: &mut Vec<u8>| varint::put(size as u64, raw);
        varint::put(varint::zigzag(self.received_base_ns), &mut raw);
        size(self.frames.len(), &mut raw);
        for frame in &self.frames {
            size(frame.compressed_len, &mut raw);
            size(frame.raw_len, &mut raw);
            raw.extend_from_slice(&frame.checksum.to_le_bytes());
        }
        size(self.columns.len(), &mut raw);
        for column in &self.columns {
            raw.push(column.kind.code());
            size(column.key.len(), &mut raw);
            raw.extend_from_slice(&column.key);
            for number in [
                column.value_count,
                column.frame,
                column.offset,
                column.lengths_len,
                column.data_len,
            ] {
                size(number, &mut raw);
            }
        }
        size(self.shapes.len(), &mut raw);
        for shape in &self.shapes {
            size(shape.len(), &mut raw);
            for &column in shape {
                varint::put(column.into(), &mut raw);
            }
        }
        size(self.shape_of.len(), &mut raw);
        for &shape in &self.shape_of {
            varint::put(shape.into(), &mut raw);
        }
        let mut checked = Vec::new();
        size(raw.len(), &mut checked);
        checked.extend_from_slice(&compressor.compress(&raw)?);
        let mut out = Vec::with_capacity(5 + checked.len());
        out.push(VERSION);
        out.extend_from_slice(&checksum(&checked).to_le_bytes());
        out.extend_from_slice(&checked);
        Ok(out)
    }

    /// Decodes the stored form.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if the bytes changed.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        const WHAT: Corrupt = Corrupt("directory");
        let (version, rest) = bytes.split_first().ok_or(WHAT)?;
        let (expected, mut checked) = rest.split_first_chunk::<4>().ok_or(WHAT)?;
        if *version != VERSION || checksum(checked) != u32::from_le_bytes(*expected) {
            return Err(WHAT);
        }
        let raw_len = varint::take_size(&mut checked)
            .filter(|len| *len <= MAX_RAW_BYTES)
            .ok_or(WHAT)?;
        let raw = decompress(checked, raw_len).map_err(|_| WHAT)?;
        Self::parse(&mut raw.as_slice()).ok_or(WHAT)
    }

    fn parse(rest: &mut &[u8]) -> Option<Self> {
        let mut directory = Self {
            received_base_ns: varint::unzigzag(varint::take(rest)?),
            ..Self::default()
        };
        let mut offset = 0_usize;
        for _ in 0..varint::take_size(rest)? {
            let compressed_len = varint::take_size(rest)?;
            directory.frames.push(FrameEntry {
                offset,
                compressed_len,
                raw_len: varint::take_size(rest).filter(|len| *len <= MAX_RAW_BYTES)?,
                checksum: u32::from_le_bytes(varint::take_bytes(rest, 4)?.try_into().ok()?),
            });
            offset = offset.checked_add(compressed_len)?;
        }
        for _ in 0..varint::take_size(rest)? {
            let (&code, after) = rest.split_first()?;
            *rest = after;
            let key_len = varint::take_size(rest)?;
            let column = ColumnEntry {
                kind: ColumnKind::from_code(code)?,
                key: varint::take_bytes(rest, key_len)?.into(),
                value_count: varint::take_size(rest)?,
                frame: varint::take_size(rest)?,
                offset: varint::take_size(rest)?,
                lengths_len: varint::take_size(rest)?,
                data_len: varint::take_size(rest)?,
            };
            let frame = directory.frames.get(column.frame)?;
            let end = column
                .offset
                .checked_add(column.lengths_len)?
                .checked_add(column.data_len)?;
            if end > frame.raw_len {
                return None;
            }
            directory.columns.push(column);
        }
        for _ in 0..varint::take_size(rest)? {
            let mut shape = Vec::new();
            for _ in 0..varint::take_size(rest)? {
                let column = varint::take_size(rest)?;
                directory.columns.get(column)?;
                shape.push(column as u32);
            }
            directory.shapes.push(shape);
        }
        for _ in 0..varint::take_size(rest)? {
            let shape = varint::take_size(rest)?;
            directory.shapes.get(shape)?;
            directory.shape_of.push(shape as u32);
        }
        rest.is_empty().then_some(directory)
    }

    /// Returns the column of attribute number `index` of the span at `position`. Returns `None` if
    /// the span has no such attribute, or if [`ColumnKind::AllAttributes`] holds its attributes.
    pub(crate) fn attribute_column(&self, position: usize, index: usize) -> Option<usize> {
        let shape = self.shapes.get(*self.shape_of.get(position)? as usize)?;
        let mut attributes = shape
            .iter()
            .map(|column| *column as usize)
            .filter(|column| {
                let column = self.columns.get(*column);
                column.is_some_and(|column| column.kind.is_attribute())
            });
        attributes.nth(index)
    }

    /// Returns the columns of a kind.
    pub(crate) fn columns_of_kind(&self, kind: ColumnKind) -> impl Iterator<Item = usize> {
        let columns = self.columns.iter().enumerate();
        columns
            .filter(move |(_, column)| column.kind == kind)
            .map(|(index, _)| index)
    }
}
