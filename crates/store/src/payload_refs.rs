//! The column `payload_refs` of a row: references to the offloaded values of the row in `payloads`.
//!
//! The encoding is a version byte, then for each value: the kind of its holder (one byte), the
//! position of the event or link (only for these), the position of the attribute, the size of the
//! value, its filter entry (8 bytes), and its hash (16 bytes). Positions and sizes are LEB128. Only
//! the server writes this column, so a sender cannot refer to a value that it did not send.

use crate::varint;

/// The format version that this code writes.
const VERSION: u8 = 1;

/// The position of a value in its span or event. Stored attributes never change their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValuePath {
    /// The attribute at this position.
    Attribute(u32),
    /// An attribute of the event at position `at`.
    Event { at: u32, attribute: u32 },
    /// An attribute of the link at position `at`.
    Link { at: u32, attribute: u32 },
    /// The body of a log record.
    Body,
    /// The status message of a span.
    StatusMessage,
}

/// A reference to one offloaded value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reference {
    pub path: ValuePath,
    pub byte_count: u64,
    /// The membership filter entry of the attribute with its full value, or that of an offloaded
    /// array; 0 for a value of another type.
    pub filter_entry: u64,
    pub hash: [u8; 16],
}

/// The error for bytes that are not references in a version that this code knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

impl Reference {
    /// Appends this reference to the references in `out`, which may be empty.
    pub(crate) fn append(self, out: &mut Vec<u8>) {
        if out.is_empty() {
            out.push(VERSION);
        }
        match self.path {
            ValuePath::Attribute(attribute) => {
                out.push(0);
                varint::put(attribute.into(), out);
            }
            ValuePath::Event { at, attribute } => {
                out.push(1);
                varint::put(at.into(), out);
                varint::put(attribute.into(), out);
            }
            ValuePath::Link { at, attribute } => {
                out.push(2);
                varint::put(at.into(), out);
                varint::put(attribute.into(), out);
            }
            ValuePath::Body => out.push(3),
            ValuePath::StatusMessage => out.push(4),
        }
        varint::put(self.byte_count, out);
        out.extend_from_slice(&self.filter_entry.to_le_bytes());
        out.extend_from_slice(&self.hash);
    }
}

/// Decodes the output of [`Reference::append`]; empty bytes mean no references. The result takes no
/// more memory than a small multiple of the bytes.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Reference>, Unreadable> {
    let Some((&version, mut rest)) = bytes.split_first() else {
        return Ok(Vec::new());
    };
    if version != VERSION {
        return Err(Unreadable);
    }
    let mut references = Vec::new();
    while let Some((&kind, after)) = rest.split_first() {
        rest = after;
        let path = match kind {
            0 => ValuePath::Attribute(small(&mut rest)?),
            1 => ValuePath::Event {
                at: small(&mut rest)?,
                attribute: small(&mut rest)?,
            },
            2 => ValuePath::Link {
                at: small(&mut rest)?,
                attribute: small(&mut rest)?,
            },
            3 => ValuePath::Body,
            4 => ValuePath::StatusMessage,
            _ => return Err(Unreadable),
        };
        let byte_count = varint::take(&mut rest).ok_or(Unreadable)?;
        let (filter_entry, after) = rest.split_first_chunk::<8>().ok_or(Unreadable)?;
        rest = after;
        let (hash, after) = rest.split_first_chunk::<16>().ok_or(Unreadable)?;
        rest = after;
        references.push(Reference {
            path,
            byte_count,
            filter_entry: u64::from_le_bytes(*filter_entry),
            hash: *hash,
        });
    }
    Ok(references)
}

fn small(bytes: &mut &[u8]) -> Result<u32, Unreadable> {
    let number = varint::take(bytes).ok_or(Unreadable)?;
    u32::try_from(number).map_err(|_| Unreadable)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reference() -> impl Strategy<Value = Reference> {
        let path = prop_oneof![
            any::<u32>().prop_map(ValuePath::Attribute),
            any::<(u32, u32)>().prop_map(|(at, attribute)| ValuePath::Event { at, attribute }),
            any::<(u32, u32)>().prop_map(|(at, attribute)| ValuePath::Link { at, attribute }),
            Just(ValuePath::Body),
            Just(ValuePath::StatusMessage),
        ];
        (path, any::<u64>(), any::<u64>(), any::<[u8; 16]>()).prop_map(
            |(path, byte_count, filter_entry, hash)| Reference {
                path,
                byte_count,
                filter_entry,
                hash,
            },
        )
    }

    proptest! {
        #[test]
        fn references_are_read_back_unchanged(references in proptest::collection::vec(reference(), 0..10)) {
            let mut bytes = Vec::new();
            for reference in &references {
                reference.append(&mut bytes);
            }
            prop_assert_eq!(decode(&bytes), Ok(references));
        }

        #[test]
        fn any_bytes_decode_as_references_or_fail(bytes: Vec<u8>) {
            if let Ok(references) = decode(&bytes) {
                // Each reference takes at least 26 bytes.
                prop_assert!(references.len() * 26 <= bytes.len());
            }
        }

        #[test]
        fn a_truncated_list_of_references_fails_or_is_shorter(
            reference in reference(),
            cut: prop::sample::Index,
        ) {
            let mut bytes = Vec::new();
            reference.append(&mut bytes);
            bytes.truncate(cut.index(bytes.len()));
            prop_assert!(decode(&bytes).is_ok_and(|list| list.is_empty()) || decode(&bytes).is_err());
        }
    }

    #[test]
    fn an_unknown_version_of_references_is_an_error() {
        assert_eq!(decode(&[2]), Err(Unreadable));
        assert_eq!(decode(&[]), Ok(Vec::new()));
    }
}
