//! Appends protobuf fields to a buffer.

const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const DELIMITED: u64 = 2;
const FIXED32: u64 = 5;

fn raw_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn tag(field: u32, wire_type: u64, out: &mut Vec<u8>) {
    raw_varint(u64::from(field) << 3 | wire_type, out);
}

/// Appends a `bool`, an enum or an integer.
pub fn varint(field: u32, number: u64, out: &mut Vec<u8>) {
    tag(field, VARINT, out);
    raw_varint(number, out);
}

/// Appends a `fixed64`.
pub fn fixed64(field: u32, number: u64, out: &mut Vec<u8>) {
    tag(field, FIXED64, out);
    out.extend_from_slice(&number.to_le_bytes());
}

pub(super) fn fixed32(field: u32, number: u32, out: &mut Vec<u8>) {
    tag(field, FIXED32, out);
    out.extend_from_slice(&number.to_le_bytes());
}

/// Appends `bytes`, text or an encoded message.
pub fn bytes(field: u32, bytes: &[u8], out: &mut Vec<u8>) {
    tag(field, DELIMITED, out);
    raw_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Appends a string. Proto3 omits an empty one.
pub(super) fn text(field: u32, text: &str, out: &mut Vec<u8>) {
    if !text.is_empty() {
        bytes(field, text.as_bytes(), out);
    }
}

/// Appends a nested message. Reserves one byte for its length, which is enough for most messages. A
/// longer length moves the message up; this is cheaper than measuring every message first.
pub(super) fn message(field: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    tag(field, DELIMITED, out);
    out.push(0);
    let start = out.len();
    write(out);
    let length = out.len() - start;
    if length < 0x80 {
        out[start - 1] = length as u8;
    } else {
        let mut prefix = Vec::with_capacity(5);
        raw_varint(length as u64, &mut prefix);
        out.splice(start - 1..start, prefix);
    }
}
