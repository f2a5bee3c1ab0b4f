//! Recognises attributes, events and links that are written as [`binary`](crate::binary) would
//! write them, and that validation would leave alone.
//!
//! Every function answers `None` for what it does not recognise, valid or not.

use throughline_wire::Limits;
use throughline_wire::{SpanId, TraceId, attribute, semconv};

use super::MAX_VALUE_BYTES;
use crate::binary::shortest::{delimited, tag, varint};

/// Keys of one set of attributes, by hash. A key that may be there already, by its hash, is as good
/// as one that is: the ordinary way looks closely.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Keys(Vec<u64>);

impl Keys {
    /// A scan of so many is cheap.
    const MAX: usize = 64;

    /// Begins another set.
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

/// A hash of `text` when it is UTF-8 without NUL: one pass tells both.
fn clean_hash(text: &[u8]) -> Option<u64> {
    // 2^64 divided by the golden ratio, odd.
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut hash = text.len() as u64;
    let mut odd = 0;
    let mut mix = |word: u64| {
        // A byte of zero borrows and a byte beyond ASCII has the bit already.
        odd |= (word.wrapping_sub(ONES) | word) & HIGH;
        hash = (hash.rotate_left(29) ^ word).wrapping_mul(FACTOR);
    };
    let (words, rest) = text.as_chunks::<8>();
    for word in words {
        mix(u64::from_le_bytes(*word));
    }
    // The rest, filled up with ones, which are neither zero nor beyond ASCII.
    let mut last = [1; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(u64::from_le_bytes(last));
    if odd != 0 && (text.contains(&0) || core::str::from_utf8(text).is_err()) {
        return None;
    }
    Some(hash)
}

/// The text, when it is UTF-8 without NUL.
pub(super) fn clean_text(text: &[u8]) -> Option<&str> {
    let text = core::str::from_utf8(text).ok()?;
    (!text.contains('\0')).then_some(text)
}

/// Whether a `KeyValue` is as it would be stored; its key goes to `keys`.
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

/// Whether an `AnyValue` is a scalar in its one form.
fn scalar(value: &[u8]) -> Option<()> {
    let (&first, rest) = value.split_first()?;
    match first {
        // A string; what follows its length is all of it.
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

/// Whether an `AnyValue` is an array of scalars.
fn array(value: &[u8]) -> Option<()> {
    let (mut items, rest) = delimited(tag(5), value)?;
    if !rest.is_empty() {
        return None;
    }
    while !items.is_empty() {
        let (item, rest) = delimited(tag(1), items)?;
        scalar(item)?;
        // Inside of an array this text means that a decoder put it there, which is marked.
        if item.ends_with(attribute::TOO_DEEP.as_bytes()) {
            return None;
        }
        items = rest;
    }
    Some(())
}

/// Attributes of `field` at the start of `bytes`; what follows them.
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

/// What follows a `uint32` of `field`, which may be absent but not zero.
fn count(field: u8, bytes: &[u8]) -> Option<&[u8]> {
    if bytes.first() != Some(&(field << 3)) {
        return Some(bytes);
    }
    let (number, rest) = varint(&bytes[1..])?;
    (number != 0 && u32::try_from(number).is_ok()).then_some(rest)
}

/// What follows a non-empty text of `field`, which may be absent.
fn optional_text(field: u8, max_len: usize, bytes: &[u8]) -> Option<&[u8]> {
    if bytes.first() != Some(&tag(field)) {
        return Some(bytes);
    }
    let (text, rest) = delimited(tag(field), bytes)?;
    clean_hash(text)?;
    (!text.is_empty() && text.len() <= max_len).then_some(rest)
}

/// Whether a `Span.Event` is as it would be stored.
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

/// Whether a `Span.Link` is as it would be stored.
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
