//! The kinds of columns and the layouts of their values.

use crate::varint;

/// The kind of a column. The codes are stored: never change one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum ColumnKind {
    /// An index into the resources of the block.
    Resource,
    /// An index into the scopes of the block.
    Scope,
    /// The time when the server received the span, minus the base of the block, in ns.
    Received,
    /// The number of attributes that the sender dropped.
    DroppedAttributes,
    /// The number of events that the sender dropped.
    DroppedEvents,
    /// The number of links that the sender dropped.
    DroppedLinks,
    /// The ID of the process that recorded the span.
    Process,
    /// The sequence number of the span in its process.
    Sequence,
    /// The server time minus the sender time, in ns.
    ClockOffset,
    /// The maximum error of the clock offset, in ns: half the width of its interval.
    ClockError,
    /// The number of bytes that ingest truncated.
    CutBytes,
    /// The W3C `tracestate`.
    TraceState,
    /// The events as OTLP protobuf.
    Events,
    /// The links as OTLP protobuf.
    Links,
    /// The references to offloaded payloads.
    Payloads,
    /// All attributes of a span whose encoding is not canonical.
    AllAttributes,
    /// String values of one attribute key.
    Text,
    /// Boolean values of one attribute key.
    Bool,
    /// Integer values of one attribute key.
    Int,
    /// Floating-point values of one attribute key.
    Double,
    /// Byte strings of one attribute key.
    Bytes,
    /// Arrays, maps and empty values of one attribute key, as OTLP `AnyValue`.
    Other,
}

/// The layout of the values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// One varint per value.
    Varint,
    /// A fixed number of bytes per value.
    Fixed(usize),
    /// The lengths of all values as varints, then the bytes of all values.
    Sized,
}

impl ColumnKind {
    pub(super) const ALL: [Self; 22] = [
        Self::Resource,
        Self::Scope,
        Self::Received,
        Self::DroppedAttributes,
        Self::DroppedEvents,
        Self::DroppedLinks,
        Self::Process,
        Self::Sequence,
        Self::ClockOffset,
        Self::ClockError,
        Self::CutBytes,
        Self::TraceState,
        Self::Events,
        Self::Links,
        Self::Payloads,
        Self::AllAttributes,
        Self::Text,
        Self::Bool,
        Self::Int,
        Self::Double,
        Self::Bytes,
        Self::Other,
    ];

    /// Returns the code in a directory.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Resource => 1,
            Self::Scope => 2,
            Self::Received => 3,
            Self::DroppedAttributes => 4,
            Self::DroppedEvents => 5,
            Self::DroppedLinks => 6,
            Self::Process => 7,
            Self::Sequence => 8,
            Self::ClockOffset => 9,
            Self::ClockError => 10,
            Self::CutBytes => 11,
            Self::TraceState => 12,
            Self::Events => 13,
            Self::Links => 14,
            Self::Payloads => 15,
            Self::AllAttributes => 16,
            Self::Text => 32,
            Self::Bool => 33,
            Self::Int => 34,
            Self::Double => 35,
            Self::Bytes => 36,
            Self::Other => 37,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// Returns true for a column of one attribute key.
    pub(crate) const fn is_attribute(self) -> bool {
        self.code() >= 32
    }

    pub(super) const fn layout(self) -> Layout {
        match self {
            Self::Bool => Layout::Fixed(1),
            Self::Double => Layout::Fixed(8),
            Self::TraceState
            | Self::Events
            | Self::Links
            | Self::Payloads
            | Self::AllAttributes
            | Self::Text
            | Self::Bytes
            | Self::Other => Layout::Sized,
            _ => Layout::Varint,
        }
    }

    /// Returns the tag of the `AnyValue` field whose contents the column holds. Returns `None` for
    /// [`Self::Other`], which holds the whole message, and for span fields.
    pub(super) const fn any_value_tag(self) -> Option<u8> {
        match self {
            Self::Text => Some(0x0a),
            Self::Bool => Some(0x10),
            Self::Int => Some(0x18),
            Self::Double => Some(0x21),
            Self::Bytes => Some(0x3a),
            _ => None,
        }
    }
}

/// Splits the first attribute off `rest` and returns its key and its encoded `AnyValue`.
///
/// Returns `None` at the end. Also returns `None` if the encoding is not canonical; `rest` is not
/// empty then. Only the canonical encoding can be split, because [`append_attribute`] must restore
/// the same bytes.
pub(super) fn next_attribute<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let mut after = *rest;
    let mut pair = take_field(0x0a, &mut after)?;
    let key = take_field(0x0a, &mut pair)?;
    let value = take_field(0x12, &mut pair)?;
    if !pair.is_empty() {
        return None;
    }
    *rest = after;
    Some((key, value))
}

/// Appends an attribute in the encoding that [`next_attribute`] accepts. `value` is the value in a
/// column of `kind`.
pub(super) fn append_attribute(kind: ColumnKind, key: &[u8], value: &[u8], out: &mut Vec<u8>) {
    let is_sized = matches!(kind, ColumnKind::Text | ColumnKind::Bytes);
    let value_len = match kind.any_value_tag() {
        None => value.len(),
        Some(_) if is_sized => field_len(value.len()),
        Some(_) => 1 + value.len(),
    };
    out.push(0x0a);
    varint::put((field_len(key.len()) + field_len(value_len)) as u64, out);
    out.push(0x0a);
    varint::put(key.len() as u64, out);
    out.extend_from_slice(key);
    out.push(0x12);
    varint::put(value_len as u64, out);
    if let Some(tag) = kind.any_value_tag() {
        out.push(tag);
        if is_sized {
            varint::put(value.len() as u64, out);
        }
    }
    out.extend_from_slice(value);
}

/// Returns the size in bytes of a field with a one-byte tag and `len` bytes of contents.
const fn field_len(len: usize) -> usize {
    let bits = usize::BITS - (len | 1).leading_zeros();
    1 + bits.div_ceil(7) as usize + len
}

/// Splits the length-delimited field with `tag` off `bytes` and returns its contents.
fn take_field<'a>(tag: u8, bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (first, mut rest) = bytes.split_first()?;
    let from = rest;
    let len = varint::take_size(&mut rest)?;
    if *first != tag || !is_shortest(from, rest) {
        return None;
    }
    *bytes = rest;
    varint::take_bytes(bytes, len)
}

/// Returns the kind of an encoded `AnyValue` and its bytes in a column of that kind.
pub(super) fn split_value(bytes: &[u8]) -> (ColumnKind, &[u8]) {
    let other = (ColumnKind::Other, bytes);
    let Some((&tag, rest)) = bytes.split_first() else {
        return other;
    };
    match tag {
        0x0a | 0x3a => {
            let mut field = bytes;
            match take_field(tag, &mut field) {
                Some(text) if field.is_empty() && tag == 0x0a => (ColumnKind::Text, text),
                Some(data) if field.is_empty() => (ColumnKind::Bytes, data),
                _ => other,
            }
        }
        0x10 if matches!(rest, [0 | 1]) => (ColumnKind::Bool, rest),
        0x18 => {
            let mut end = rest;
            match varint::take(&mut end) {
                Some(_) if end.is_empty() && is_shortest(rest, end) => (ColumnKind::Int, rest),
                _ => other,
            }
        }
        0x21 if rest.len() == 8 => (ColumnKind::Double, rest),
        _ => other,
    }
}

/// Returns true if the varint between `from` and its tail `rest` has the shortest encoding.
fn is_shortest(from: &[u8], rest: &[u8]) -> bool {
    let len = from.len() - rest.len();
    len == 1 || from[len - 1] != 0
}
