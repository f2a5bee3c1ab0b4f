//! Which attributes lead to traces: those of `aliases`.

use std::borrow::Cow;

use throughline_wire::semconv;

/// Longer values are kept as their beginning and a hash, so that equality still works and a
/// btree entry holds them.
const MAX_VALUE_BYTES: usize = 256;
/// How much of a longer value is kept as it is.
const KEPT_BYTES: usize = 192;

/// The attribute names whose values are kept as aliases.
///
/// Told apart by length first: of a span's dozen names most are settled by one bit.
#[derive(Debug, Clone)]
pub struct IndexedKeys {
    names: Vec<Cow<'static, str>>,
    /// Bit n: there is a name of n bytes, or for bit 127 of 127 and more.
    lengths: u128,
}

impl Default for IndexedKeys {
    fn default() -> Self {
        Self::with(core::iter::empty::<String>())
    }
}

impl IndexedKeys {
    /// The names every store indexes, [`semconv::INDEXED`], and these.
    pub fn with(more: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut names: Vec<Cow<'static, str>> = semconv::INDEXED
            .iter()
            .map(|name| Cow::Borrowed(*name))
            .collect();
        for name in more {
            let name = name.into();
            if !name.is_empty() && !names.iter().any(|known| *known == name) {
                names.push(Cow::Owned(name));
            }
        }
        let lengths = names
            .iter()
            .fold(0, |bits, name| bits | length_bit(name.as_bytes()));
        Self { names, lengths }
    }

    /// The names.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(AsRef::as_ref)
    }

    /// Whether `key` is one of them.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.lengths & length_bit(key) != 0 && self.names.iter().any(|name| name.as_bytes() == key)
    }
}

fn length_bit(name: &[u8]) -> u128 {
    1 << name.len().min(127)
}

/// The text that stands for a value in `aliases`: itself, or its beginning and a hash.
pub(crate) fn stored_value(value: &str) -> Cow<'_, str> {
    let value = if value.contains('\0') {
        Cow::Owned(value.replace('\0', "\u{2400}"))
    } else {
        Cow::Borrowed(value)
    };
    if value.len() <= MAX_VALUE_BYTES {
        return value;
    }
    let end = value.floor_char_boundary(KEPT_BYTES);
    let hash = crate::ids::long_alias(&value);
    Cow::Owned(format!("{}…{hash:032x}", &value[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_whatever_their_length() {
        let long = "k".repeat(300);
        let keys = IndexedKeys::with([long.clone(), "shop.cart".to_owned(), String::new()]);
        assert!(keys.contains(b"shop.cart"));
        assert!(keys.contains(long.as_bytes()));
        assert!(keys.contains(semconv::REQUEST_ID.as_bytes()));
        assert!(!keys.contains(b"shop.kart"));
        assert!(!keys.contains("k".repeat(301).as_bytes()));
        assert!(!keys.contains(b""));
    }

    #[test]
    fn long_values_that_begin_alike_stay_apart_and_fit_an_index() {
        let one = "é".repeat(200);
        let other = format!("{one}x");
        assert_ne!(stored_value(&one), stored_value(&other));
        assert!(stored_value(&other).len() <= MAX_VALUE_BYTES);
        assert_eq!(stored_value("short"), "short");
        assert_eq!(stored_value("a\0b"), "a\u{2400}b");
    }
}
