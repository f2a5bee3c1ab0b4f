//! Fields in the one form that [`writer`](super::writer) gives them: tag and length as short as can
//! be. Quicker than the [`reader`](super::reader), which takes them in any form.

/// A varint in its shortest form, and what follows it.
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

/// The field of `tag`, length-delimited, at the start of `bytes`, and what follows it.
pub(crate) fn delimited(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first != tag {
        return None;
    }
    let (length, rest) = varint(rest)?;
    rest.split_at_checked(usize::try_from(length).ok()?)
}

/// The tag of a length-delimited field.
pub(crate) const fn tag(field: u8) -> u8 {
    field << 3 | 2
}
