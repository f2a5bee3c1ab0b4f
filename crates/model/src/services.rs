//! The names of the known services.

use serde::{Deserialize, Serialize};

/// A list of names of services, in alphabetical order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ServiceList {
    /// The names.
    pub names: Vec<String>,
    /// True if there are more names than the list may have. A prefix finds them.
    pub is_truncated: bool,
}

impl ServiceList {
    /// The maximum number of names.
    pub const MAX_NAMES: usize = 1_000;
    /// The maximum number of bytes of all names.
    pub const MAX_BYTES: usize = 256 << 10;

    /// Returns the first names, as many as a list may have. It is truncated if a name is left.
    pub fn of(names: impl IntoIterator<Item = String>) -> Self {
        let mut list = Self::default();
        let mut bytes = 0;
        for name in names {
            bytes += name.len();
            if list.names.len() == Self::MAX_NAMES || bytes > Self::MAX_BYTES {
                list.is_truncated = true;
                break;
            }
            list.names.push(name);
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends_at_the_limit_of_names_or_of_bytes() {
        let of = |count: usize, length: usize| {
            let list = ServiceList::of((0..count).map(|_| "s".repeat(length)));
            (list.names.len(), list.is_truncated)
        };
        assert_eq!(of(0, 1), (0, false));
        assert_eq!(of(1_000, 1), (1_000, false));
        assert_eq!(of(1_001, 1), (1_000, true));
        assert_eq!(of(256, 1_024), (256, false));
        assert_eq!(of(257, 1_024), (256, true));
    }
}
