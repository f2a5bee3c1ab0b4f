//! Compares one name or status message with what a search asks for.

use regex::bytes::Regex;
use throughline_model::{Comparison, SearchValue, fold_case};

use super::value::regex;

/// A comparison of a name or a message: prefixes and parts ignore case.
#[derive(Debug, Clone)]
pub(super) enum NameTest {
    /// There is a text.
    Exists,
    /// It is this.
    Equal(String),
    /// Matches a text that begins with this when it is folded.
    Prefix(String),
    /// Matches a text that contains this when it is folded.
    Contains(String),
    /// The expression matches in it.
    Matches(Box<Regex>),
}

impl NameTest {
    /// The test of a comparison; of [`Comparison::NotEq`] that of equality.
    ///
    /// # Errors
    /// See [`ValueTest::new`].
    pub(super) fn new(operator: Comparison, value: &SearchValue) -> Result<Self, String> {
        let SearchValue::Text(text) = value else {
            return Err("names and status messages are compared with a text".to_owned());
        };
        Ok(match operator {
            Comparison::StartsWith => Self::Prefix(fold_case(text).into_owned()),
            Comparison::Contains => Self::Contains(fold_case(text).into_owned()),
            Comparison::Matches => Self::Matches(Box::new(regex(text)?)),
            _ => Self::Equal(text.clone()),
        })
    }

    /// Returns whether a text passes.
    pub(super) fn is(&self, text: &str) -> bool {
        match self {
            Self::Exists => !text.is_empty(),
            Self::Equal(wanted) => wanted == text,
            Self::Prefix(prefix) => fold_case(text).starts_with(prefix),
            Self::Contains(part) => fold_case(text).contains(part),
            Self::Matches(regex) => regex.is_match(text.as_bytes()),
        }
    }

    /// Returns bytes that the folded text contains when it passes; none when nothing need be in it.
    pub(super) fn folded_part(&self) -> Option<String> {
        match self {
            Self::Equal(text) => Some(fold_case(text).into_owned()),
            Self::Prefix(text) | Self::Contains(text) => Some(text.clone()),
            Self::Exists | Self::Matches(_) => None,
        }
    }
}
