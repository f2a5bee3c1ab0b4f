//! Recognises attributes, events and links that have the encoding of [`binary`](crate::binary) and
//! that validation would not change.
//!
//! Every function returns `None` for bytes that it does not recognise, valid or not. A wrong `None`
//! only costs time, because the general path handles the span. A wrong `Some` would store different
//! bytes than the general path.

use throughline_wire::Limits;
use throughline_wire::{SpanId, TraceId, attribute, semconv};

use super::MAX_VALUE_BYTES;
use crate::binary::shortest::{delimited, tag, varint};

/// The hashes of the keys of one attribute set. Two equal hashes count as a repeated key: the span
/// then takes the general path, which compares the keys themselves.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Keys(Vec<u64>);

impl Keys {
    /// The maximum number of keys; a scan of this many is cheap.
    const MAX: usize = 64;

    /// Starts another set.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    fn insert(&mut self, hash: u64) -> Option<()> {
        if self.0.len() == Self::MAX || self.0.contains(&hash) {
            return None;
        }
        self.0.push(hash);
        Some(())
    }
}

/// Hashes `text` if it is UTF-8 without NUL, in one pass.
fn clean_hash(text: &[u8]) -> Option<u64> {
    // 2^64 divided by the golden ratio, made odd.
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut hash = text.len() as u64;
    let mut suspects = 0;
    let mut mix = |word: u64| {
        // Sets the high bit of any byte that may be NUL or not ASCII: subtracting 1 from NUL
        // borrows, and a byte that is not ASCII has the bit already. The exact check below runs
        // only if a bit is set.
        suspects |= (word.wrapping_sub(ONES) | word) & HIGH;
        hash = (hash.rotate_left(29) ^ word).wrapping_mul(FACTOR);
    };
    let (words, rest) = text.as_chunks::<8>();
    for word in words {
        mix(u64::from_le_bytes(*word));
    }
    // Pads the last word with bytes of 1, which are neither NUL nor outside ASCII.
    let mut last = [1; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(u64::from_le_bytes(last));
    if suspects != 0 && (text.contains(&0) || core::str::from_utf8(text).is_err()) {
        return None;
    }
    Some(hash)
}

/// Returns the text if it is UTF-8 without NUL.
pub(super) fn clean_text(text: &[u8]) -> Option<&str> {
    let text = core::str::from_utf8(text).ok()?;
    (!text.contains('\0')).then_some(text)
}

/// Recognises a `KeyValue` in its stored form and adds its key to `keys`.
pub(super) fn key_value(bytes: &[u8], limits: &Limits, keys: &mut Keys) -> Option<()> {
    let (key, rest) = delimited(tag(1), bytes)?;
    let reserved = [semconv::REPAIRS, semconv::SENT_END_NS]
        .iter()
        .any(|reserved| reserved.as_bytes() == key);
    if key.is_empty() || key.len() > limits.key_chars || reserved {
        return None;
    }
    keys.insert(clean_hash(key)?)?;
    let (value, rest) = delimited(tag(2), rest)?;
    let fits = value.len() <= MAX_VALUE_BYTES.min(limits.value_bytes);
    if !rest.is_empty() || !fits {
        return None;
    }
    match value.first() {
        Some(&first) if first == tag(5) => array(value),
        _ => scalar(value),
    }
}

/// Recognises an `AnyValue` with a scalar in its shortest form.
fn scalar(value: &[u8]) -> Option<()> {
    let (&first, rest) = value.split_first()?;
    match first {
        // A string. Nothing may follow it.
        0x0a => {
            let (text, rest) = delimited(0x0a, value)?;
            clean_hash(text)?;
            rest.is_empty()
        }
        // A bool.
        0x10 => matches!(rest, [0 | 1]),
        // An integer.
        0x18 => varint(rest)?.1.is_empty(),
        // A double.
        0x21 => rest.len() == 8,
        // Bytes.
        0x3a => delimited(0x3a, value)?.1.is_empty(),
        _ => false,
    }
    .then_some(())
}

/// Recognises an `AnyValue` with an array of scalars.
fn array(value: &[u8]) -> Option<()> {
    let (mut items, rest) = delimited(tag(5), value)?;
    if !rest.is_empty() {
        return None;
    }
    while !items.is_empty() {
        let (item, rest) = delimited(tag(1), items)?;
        scalar(item)?;
        // Inside an array, this text comes from a decoder, which records a repair.
        if item.ends_with(attribute::TOO_DEEP.as_bytes()) {
            return None;
        }
        items = rest;
    }
    Some(())
}

/// Recognises the attributes of `field` at the start of `bytes`. Returns the bytes after them.
fn attributes<'a>(
    field: u8,
    mut bytes: &'a [u8],
    limits: &Limits,
    keys: &mut Keys,
) -> Option<&'a [u8]> {
    keys.clear();
    let mut count = 0;
    while bytes.first() == Some(&tag(field)) {
        let (pair, rest) = delimited(tag(field), bytes)?;
        count += 1;
        if count > limits.attributes {
            return None;
        }
        key_value(pair, limits, keys)?;
        bytes = rest;
    }
    Some(bytes)
}

/// Recognises a `uint32` of `field`, which may be absent but not zero. Returns the bytes after it.
fn count(field: u8, bytes: &[u8]) -> Option<&[u8]> {
    if bytes.first() != Some(&(field << 3)) {
        return Some(bytes);
    }
    let (number, rest) = varint(&bytes[1..])?;
    (number != 0 && u32::try_from(number).is_ok()).then_some(rest)
}

/// Recognises a text of `field`, which may be absent but not empty. Returns the bytes after it.
fn optional_text(field: u8, max_len: usize, bytes: &[u8]) -> Option<&[u8]> {
    if bytes.first() != Some(&tag(field)) {
        return Some(bytes);
    }
    let (text, rest) = delimited(tag(field), bytes)?;
    clean_hash(text)?;
    (!text.is_empty() && text.len() <= max_len).then_some(rest)
}

/// Recognises a `Span.Event` in its stored form.
pub(super) fn event(bytes: &[u8], limits: &Limits, keys: &mut Keys) -> Option<()> {
    let (&[tag, ref time @ ..], rest) = bytes.split_first_chunk::<9>()?;
    let time = i64::from_le_bytes(*time);
    if tag != 0x09 || time <= 0 {
        return None;
    }
    let rest = optional_text(2, limits.name_chars, rest)?;
    let rest = attributes(3, rest, limits, keys)?;
    count(4, rest)?.is_empty().then_some(())
}

/// Recognises a `Span.Link` in its stored form.
pub(super) fn link(bytes: &[u8], limits: &Limits, keys: &mut Keys) -> Option<()> {
    let (trace_id, rest) = delimited(tag(1), bytes)?;
    let (span_id, rest) = delimited(tag(2), rest)?;
    TraceId::from_slice(trace_id).ok()?;
    SpanId::from_slice(span_id).ok()?;
    let rest = optional_text(3, limits.trace_state_bytes, rest)?;
    let rest = attributes(4, rest, limits, keys)?;
    match count(5, rest)? {
        [] => Some(()),
        [0x35, flags @ ..] => (flags.len() == 4 && flags != [0; 4]).then_some(()),
        _ => None,
    }
}
