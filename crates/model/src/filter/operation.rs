//! A match on operation names, and its form as a text.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::fold_case;
use crate::query::Parameters;

/// A match on the name of the root operation.
///
/// The text `cart` matches names that contain it, `GET /cart*` names that begin with it, and `=GET
/// /cart` the whole name, and `=` alone an empty name. If the wanted text itself begins or ends with
/// one of these characters or a space, a leading `~` says "contains" and a leading `^` says "begins
/// with". After `=`, `~` and `^` the rest is taken literally; other texts lose the spaces around
/// them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OperationMatch {
    /// The name contains this text. Case is ignored.
    Contains(String),
    /// The name begins with this text. Case is ignored.
    Prefix(String),
    /// The name is exactly this text.
    Exact(String),
}

const MARKS: [char; 3] = ['=', '~', '^'];

impl OperationMatch {
    /// Reads the parameter `operation`.
    pub(crate) fn decode(parameters: &mut Parameters<'_>) -> Option<Self> {
        let text = parameters.exact("operation")?;
        if text.trim().is_empty() {
            return None;
        }
        parameters.take("operation", text.parse())
    }

    /// Reports whether `name` matches.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Contains(text) => fold_case(name).contains(&*fold_case(text)),
            Self::Prefix(text) => fold_case(name).starts_with(&*fold_case(text)),
            Self::Exact(text) => name == text,
        }
    }
}

impl fmt::Display for OperationMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) => write!(f, "={text}"),
            Self::Prefix(text) if is_literal(text) => write!(f, "^{text}"),
            Self::Prefix(text) => write!(f, "{text}*"),
            Self::Contains(text) if is_literal(text) || text.ends_with('*') => {
                write!(f, "~{text}")
            }
            Self::Contains(text) => f.write_str(text),
        }
    }
}

/// Reports whether only a leading mark keeps the text as it is.
fn is_literal(text: &str) -> bool {
    text.starts_with(MARKS) || text.trim() != text
}

/// Parses the text that [`Display`](fmt::Display) writes.
impl FromStr for OperationMatch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim_start();
        let (make, rest): (fn(String) -> Self, &str) = match text.chars().next() {
            // A span may have an empty name.
            Some('=') => return Ok(Self::Exact(text[1..].to_owned())),
            Some('~') => (Self::Contains, &text[1..]),
            Some('^') => (Self::Prefix, &text[1..]),
            _ => match text.trim_end().strip_suffix('*') {
                Some(rest) => (Self::Prefix, rest),
                None => (Self::Contains, text.trim_end()),
            },
        };
        if rest.is_empty() {
            return Err(format!(
                "{text:?} has no text; write part of a name, GET /cart* or =GET /cart"
            ));
        }
        Ok(make(rest.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_match_reads_back(text in "[=~^* ]?[\\PC]{1,8}[* ]?", form in 0..3) {
            let wanted = match form {
                0 => OperationMatch::Contains(text),
                1 => OperationMatch::Prefix(text),
                _ => OperationMatch::Exact(text),
            };
            prop_assert_eq!(wanted.to_string().parse(), Ok(wanted));
        }
    }

    #[test]
    fn each_form_matches_what_it_says() {
        let matches = |text: &str, name: &str| {
            text.parse::<OperationMatch>()
                .expect("is read")
                .matches(name)
        };
        assert!(matches("CART", "GET /cart/items"));
        assert!(matches("get /*", "GET /cart"));
        assert!(!matches("cart*", "GET /cart"));
        assert!(matches("=GET /cart", "GET /cart"));
        assert!(!matches("=GET /cart", "get /cart"));
        assert!(matches("~*", "a*b"));
        assert!(!matches("~*", "ab"));
        assert!(matches("=", "") && !matches("=", "a"));
        assert!(matches(" cart ", "GET /cart"));
        assert!(matches("= cart ", " cart ") && !matches("= cart ", "cart"));
        for nothing in ["*", "~", "^", ""] {
            assert!(nothing.parse::<OperationMatch>().is_err(), "{nothing}");
        }
    }
}
