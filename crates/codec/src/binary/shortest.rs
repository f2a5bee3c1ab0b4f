//! Reads fields in their shortest encoding, which [`writer`](super::writer) produces. Faster than
//! the [`reader`](super::reader), which accepts any encoding.

/// Reads a varint in its shortest form. Returns the number and the bytes after it.
pub(crate) fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first < 0x80 {
        return Some((u64::from(first), rest));
    }
    let mut number = u64::from(first & 0x7f);
    for at in 1..10 {
        let byte = *bytes.get(at)?;
        number |= u64::from(byte & 0x7f).checked_shl(7 * at as u32)?;
        if byte < 0x80 {
            let shortest = byte != 0 && (at < 9 || byte == 1);
            return shortest.then(|| (number, &bytes[at + 1..]));
        }
    }
    None
}

/// Reads a length-delimited field with this tag at the start of `bytes`. Returns its value and the
/// bytes after it.
pub(crate) fn delimited(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first != tag {
        return None;
    }
    let (length, rest) = varint(rest)?;
    rest.split_at_checked(usize::try_from(length).ok()?)
}

/// Returns the tag of a length-delimited field.
pub(crate) const fn tag(field: u8) -> u8 {
    field << 3 | 2
}
