//! How a row says which of its values are kept in `payloads`: the column of that name.
//!
//! A version byte, then for each value: what holds it (one byte), for an event or a link its
//! place, the place of the attribute, the size of the value, and the hash of its 16 bytes. Places
//! and sizes are LEB128. Written by the server alone, so that no sender can point at anything.

/// The version this code writes.
const VERSION: u8 = 1;

/// Where a value stood, by position: rows never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The attribute at this place.
    Attribute(u32),
    /// The attribute at this place of the event at this place.
    Event { at: u32, attribute: u32 },
    /// The attribute at this place of the link at this place.
    Link { at: u32, attribute: u32 },
    /// The body of a log record.
    Body,
}

/// One value kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reference {
    pub place: Place,
    pub byte_count: u64,
    pub hash: [u8; 16],
}

/// Bytes that are no references of a version this code knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

impl Reference {
    /// Appends this one to the references in `out`, which may be empty.
    pub(crate) fn append(self, out: &mut Vec<u8>) {
        if out.is_empty() {
            out.push(VERSION);
        }
        match self.place {
            Place::Attribute(attribute) => {
                out.push(0);
                number(attribute.into(), out);
            }
            Place::Event { at, attribute } => {
                out.push(1);
                number(at.into(), out);
                number(attribute.into(), out);
            }
            Place::Link { at, attribute } => {
                out.push(2);
                number(at.into(), out);
                number(attribute.into(), out);
            }
            Place::Body => out.push(3),
        }
        number(self.byte_count, out);
        out.extend_from_slice(&self.hash);
    }
}

/// Reads what [`Reference::append`] wrote; nothing is no references. Takes no more memory than a
/// small multiple of the bytes.
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
        let place = match kind {
            0 => Place::Attribute(small(&mut rest)?),
            1 => Place::Event {
                at: small(&mut rest)?,
                attribute: small(&mut rest)?,
            },
            2 => Place::Link {
                at: small(&mut rest)?,
                attribute: small(&mut rest)?,
            },
            3 => Place::Body,
            _ => return Err(Unreadable),
        };
        let byte_count = large(&mut rest)?;
        let (hash, after) = rest.split_first_chunk::<16>().ok_or(Unreadable)?;
        rest = after;
        references.push(Reference {
            place,
            byte_count,
            hash: *hash,
        });
    }
    Ok(references)
}

fn number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn large(rest: &mut &[u8]) -> Result<u64, Unreadable> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first().ok_or(Unreadable)?;
        *rest = after;
        let bits = u64::from(byte & 0x7f);
        if (bits << shift) >> shift != bits {
            return Err(Unreadable);
        }
        number |= bits << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(Unreadable)
}

fn small(rest: &mut &[u8]) -> Result<u32, Unreadable> {
    u32::try_from(large(rest)?).map_err(|_| Unreadable)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reference() -> impl Strategy<Value = Reference> {
        let place = prop_oneof![
            any::<u32>().prop_map(Place::Attribute),
            any::<(u32, u32)>().prop_map(|(at, attribute)| Place::Event { at, attribute }),
            any::<(u32, u32)>().prop_map(|(at, attribute)| Place::Link { at, attribute }),
            Just(Place::Body),
        ];
        (place, any::<u64>(), any::<[u8; 16]>()).prop_map(|(place, byte_count, hash)| Reference {
            place,
            byte_count,
            hash,
        })
    }

    proptest! {
        #[test]
        fn references_read_back(references in proptest::collection::vec(reference(), 0..10)) {
            let mut bytes = Vec::new();
            for reference in &references {
                reference.append(&mut bytes);
            }
            prop_assert_eq!(decode(&bytes), Ok(references));
        }

        #[test]
        fn any_bytes_are_references_or_an_error(bytes: Vec<u8>) {
            if let Ok(references) = decode(&bytes) {
                // Each takes 18 bytes at least.
                prop_assert!(references.len() * 18 <= bytes.len());
            }
        }

        #[test]
        fn a_cut_list_of_references_is_an_error_or_shorter(
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
    fn another_version_is_not_read() {
        assert_eq!(decode(&[2]), Err(Unreadable));
        assert_eq!(decode(&[]), Ok(Vec::new()));
    }
}
