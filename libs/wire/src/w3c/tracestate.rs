//! The `tracestate` header: the data that tracing systems along the way attach to a trace.

use core::fmt;
use core::str::FromStr;

use super::is_ows;

/// The value of `tracestate`: members in order, the most recent first (Trace Context level 2, 3.3).
/// Every member is valid and every key occurs once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct TraceState {
    members: Vec<(String, String)>,
}

/// The reason why a text is not a `tracestate`. The receiver then ignores the whole `tracestate`
/// and still uses the `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TraceStateError {
    /// A member has no `=`.
    Format,
    /// A key is empty, has over 256 characters, starts with neither a letter nor a digit, or has a
    /// character outside `a-z0-9_-*/@`.
    Key,
    /// A value is empty, has over 256 characters, ends in a space, or has a character outside
    /// printable ASCII without `,` and `=`.
    Value,
    /// There are more than 32 members.
    TooMany,
}

impl fmt::Display for TraceStateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Format => "contains a member without `=`",
            Self::Key => "contains a key that W3C Trace Context does not allow",
            Self::Value => "contains a value that W3C Trace Context does not allow",
            Self::TooMany => "has more than 32 members",
        })
    }
}

impl core::error::Error for TraceStateError {}

fn is_key(key: &str) -> bool {
    let first = key.bytes().next();
    key.len() <= TraceState::MAX_KEY_CHARS
        && first.is_some_and(|first| first.is_ascii_lowercase() || first.is_ascii_digit())
        && key.bytes().all(
            |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@'),
        )
}

fn is_value(value: &str) -> bool {
    !value.is_empty()
        && value.len() <= TraceState::MAX_VALUE_CHARS
        && !value.ends_with(' ')
        && value
            .bytes()
            .all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'='))
}

impl TraceState {
    /// The maximum number of members (level 2, 3.3.1.1).
    pub const MAX_MEMBERS: usize = 32;
    /// The maximum length of a key, in characters.
    pub const MAX_KEY_CHARS: usize = 256;
    /// The maximum length of a value, in characters.
    pub const MAX_VALUE_CHARS: usize = 256;

    /// Reads one value of the header.
    ///
    /// # Errors
    /// See [`TraceStateError`].
    pub fn parse(header: &str) -> Result<Self, TraceStateError> {
        Self::from_headers([header])
    }

    /// Reads all values of the header, in order, as one list (RFC 9110, 5.3). Skips empty members.
    /// For a repeated key, the first member stays, because it is the most recent.
    ///
    /// # Errors
    /// See [`TraceStateError`].
    pub fn from_headers<'a>(
        headers: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, TraceStateError> {
        let mut state = Self::default();
        let mut count = 0;
        for member in headers.into_iter().flat_map(|header| header.split(',')) {
            // A leading space belongs to the list, not to the key. A value never ends in a space.
            let member = member.trim_matches(is_ows);
            if member.is_empty() {
                continue;
            }
            count += 1;
            if count > Self::MAX_MEMBERS {
                return Err(TraceStateError::TooMany);
            }
            let (key, value) = member.split_once('=').ok_or(TraceStateError::Format)?;
            if !is_key(key) {
                return Err(TraceStateError::Key);
            }
            if !is_value(value) {
                return Err(TraceStateError::Value);
            }
            if state.get(key).is_none() {
                state.members.push((key.to_owned(), value.to_owned()));
            }
        }
        Ok(state)
    }

    /// Returns the value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter()
            .find(|(known, _)| *known == key)
            .map(|(_, value)| value)
    }

    /// Sets `key` and moves it to the front, as required for a changed member (level 2, 3.5). If
    /// there are more than 32 members then, the last one is dropped.
    ///
    /// # Errors
    /// [`TraceStateError::Key`] or [`TraceStateError::Value`].
    pub fn insert(&mut self, key: &str, value: &str) -> Result<(), TraceStateError> {
        if !is_key(key) {
            return Err(TraceStateError::Key);
        }
        if !is_value(value) {
            return Err(TraceStateError::Value);
        }
        self.remove(key);
        self.members.insert(0, (key.to_owned(), value.to_owned()));
        self.members.truncate(Self::MAX_MEMBERS);
        Ok(())
    }

    /// Removes `key` and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        let at = self.members.iter().position(|(known, _)| known == key)?;
        Some(self.members.remove(at).1)
    }

    /// Iterates over keys and values, the most recent first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.members
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Returns the number of members.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Returns true if there are no members. Do not send an empty header.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

impl FromStr for TraceState {
    type Err = TraceStateError;

    fn from_str(header: &str) -> Result<Self, TraceStateError> {
        Self::parse(header)
    }
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (key, value)) in self.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{key}={value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_parses_as_a_tracestate_or_fails(text: String) {
            let _ = TraceState::parse(&text);
        }

        #[test]
        fn a_parsed_value_is_written_and_read_back_unchanged(
            text in "([a-z0-9@_]{1,4}=[ -+.-<>-~]{1,5}[ \t]{0,2},[ \t]{0,2}){0,34}",
        ) {
            if let Ok(state) = TraceState::parse(&text) {
                prop_assert!(state.len() <= TraceState::MAX_MEMBERS);
                prop_assert_eq!(TraceState::parse(&state.to_string()), Ok(state));
            }
        }

        #[test]
        fn an_inserted_member_can_be_sent(key: String, value in "[ -~]{0,8}") {
            let mut state = TraceState::parse("a=1").expect("valid");
            if state.insert(&key, &value).is_ok() {
                prop_assert_eq!(state.get(&key), Some(value.as_str()));
                prop_assert_eq!(TraceState::parse(&state.to_string()), Ok(state));
            }
        }
    }

    #[test]
    fn a_member_that_is_set_moves_to_the_front() {
        let mut state = TraceState::parse("a=1,b=2,c=3").expect("valid");
        state.insert("b", "5").expect("valid");
        assert_eq!(state.to_string(), "b=5,a=1,c=3");
        assert_eq!(state.remove("a"), Some("1".to_owned()));
        assert_eq!(state.to_string(), "b=5,c=3");
    }

    #[test]
    fn a_thirty_third_member_removes_the_last() {
        let mut state = TraceState::default();
        for at in 0..33 {
            state.insert(&format!("k{at}"), "v").expect("valid");
        }
        assert_eq!(state.len(), 32);
        assert_eq!(state.get("k0"), None);
        assert_eq!(state.iter().next(), Some(("k32", "v")));
    }

    #[test]
    fn a_value_that_cannot_be_read_back_is_rejected() {
        let mut state = TraceState::default();
        for value in [
            "",
            "a,b",
            "a=b",
            "ends in ",
            "\u{e9}",
            "a\r\nb",
            &"v".repeat(257),
        ] {
            assert_eq!(state.insert("k", value), Err(TraceStateError::Value));
        }
        assert_eq!(state.insert("K", "v"), Err(TraceStateError::Key));
        assert!(state.is_empty());
    }
}
