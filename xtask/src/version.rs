//! Parses version numbers as tools print them.

use std::fmt;

/// A version `major.minor.patch`. Missing parts are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u32, pub(crate) u32, pub(crate) u32);

impl Version {
    /// Returns the first version number in a line such as `wasm-opt version 132 (version_132)`.
    pub(crate) fn find(text: &str) -> Option<Self> {
        text.split(|c: char| c.is_whitespace() || c == '(' || c == ')')
            .find_map(|word| Self::parse(word.strip_prefix('v').unwrap_or(word)))
    }

    /// Parses `1.96.0`, `1.96`, `132` or `1.97.0-nightly`.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        let numbers = word.split(['-', '+', '~']).next()?;
        let mut parts = numbers.split('.');
        let major = parts.next()?.parse().ok()?;
        let mut next = || parts.next().map_or(Some(0), |part| part.parse().ok());
        let version = Self(major, next()?, next()?);
        Some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_found_in_the_output_of_a_tool() {
        for (text, expected) in [
            ("rustc 1.96.0 (ac68faa20 2026-05-25)", Version(1, 96, 0)),
            ("rustc 1.97.0-nightly (abc 2026-05-25)", Version(1, 97, 0)),
            ("wasm-opt version 132 (version_132)", Version(132, 0, 0)),
            ("v20.20.2", Version(20, 20, 2)),
            (
                "initdb (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)",
                Version(15, 18, 0),
            ),
            (
                "Chromium 156.0.8078.79 built on Debian",
                Version(156, 0, 8078),
            ),
        ] {
            assert_eq!(Version::find(text), Some(expected), "{text}");
        }
        assert_eq!(Version::find("no number here"), None);
    }

    #[test]
    fn versions_are_ordered_by_number_not_by_text() {
        assert!(Version(1, 100, 0) > Version(1, 95, 9));
    }
}
