//! Encodes fields of binary COPY (`PostgreSQL` manual, "COPY", "Binary Format").

/// The start of a binary COPY: signature, no flags, no extension.
pub(in crate::writer) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// The end of a binary COPY.
pub(in crate::writer) const TRAILER: &[u8] = &(-1_i16).to_be_bytes();

/// The length of a field that is NULL.
pub(in crate::writer) const NULL: [u8; 4] = (-1_i32).to_be_bytes();

/// Appends a field with `value`.
pub(in crate::writer) fn bytes(value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(value.len() as i32).to_be_bytes());
    out.extend_from_slice(value);
}

/// Appends an unsigned number in the bits of an `integer`; zero is NULL.
pub(in crate::writer) fn bits(value: u32, out: &mut Vec<u8>) {
    if value == 0 {
        out.extend_from_slice(&NULL);
    } else {
        bytes(&value.to_be_bytes(), out);
    }
}

/// Appends a field whose content `fill` appends; empty content is NULL.
pub(in crate::writer) fn filled(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&NULL);
    fill(out);
    let len = out.len() - at - NULL.len();
    if len > 0 {
        out[at..at + NULL.len()].copy_from_slice(&(len as i32).to_be_bytes());
    }
}
