//! Compares a name or a status message with the value of a search.

use regex::bytes::Regex;
use throughline_model::{Comparison, SearchValue, fold_case};

use super::expression::regex;

/// A comparison of a name or a message. Prefix and substring tests ignore case.
#[derive(Debug, Clone)]
pub(super) enum NameTest {
    /// Passes any text.
    Exists,
    /// Passes exactly this text.
    Equal(String),
    /// Passes a text that starts with this after case folding.
    Prefix(String),
    /// Passes a text that contains this after case folding.
    Contains(String),
    /// Passes a text in which the expression matches.
    Matches(Box<Regex>),
}

impl NameTest {
    /// Returns the test of a comparison. For [`Comparison::NotEq`] it returns the test of equality.
    ///
    /// # Errors
    /// Returns the errors of [`ValueTest::new`].
    pub(super) fn new(operator: Comparison, value: &SearchValue) -> Result<Self, String> {
        let SearchValue::Text(text) = value else {
            return Err("names and status messages compare with a text only".to_owned());
        };
        Ok(match operator {
            Comparison::StartsWith => Self::Prefix(fold_case(text).into_owned()),
            Comparison::Contains => Self::Contains(fold_case(text).into_owned()),
            Comparison::Matches => Self::Matches(Box::new(regex(text)?)),
            _ => Self::Equal(text.clone()),
        })
    }

    /// Returns true if a text passes.
    pub(super) fn is(&self, text: &str) -> bool {
        match self {
            Self::Exists => !text.is_empty(),
            Self::Equal(wanted) => wanted == text,
            Self::Prefix(prefix) => fold_case(text).starts_with(prefix),
            Self::Contains(part) => fold_case(text).contains(part),
            Self::Matches(regex) => regex.is_match(text.as_bytes()),
        }
    }

    /// Returns a string that the case-folded text must contain if it passes. Returns `None` if
    /// there is no such string.
    pub(super) fn folded_part(&self) -> Option<String> {
        match self {
            Self::Equal(text) => Some(fold_case(text).into_owned()),
            Self::Prefix(text) | Self::Contains(text) => Some(text.clone()),
            Self::Exists | Self::Matches(_) => None,
        }
    }
}
