//! Which names of operations are meant, and how a text says so.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::fold_case;

/// Which names of root operations are meant.
///
/// As a text: `cart` is part of the name, `GET /cart*` its beginning, `=GET /cart` all of it. Where
/// the wanted text itself begins or ends like one of these, `~` before it says part and `^`
/// beginning, whatever follows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OperationMatch {
    /// The name contains this, upper and lower case alike.
    Contains(String),
    /// The name begins with this, upper and lower case alike.
    Prefix(String),
    /// The name is exactly this.
    Exact(String),
}

const MARKS: [char; 3] = ['=', '~', '^'];

impl OperationMatch {
    /// Whether `name` is meant.
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
            Self::Prefix(text) if text.starts_with(MARKS) => write!(f, "^{text}"),
            Self::Prefix(text) => write!(f, "{text}*"),
            Self::Contains(text) if text.starts_with(MARKS) || text.ends_with('*') => {
                write!(f, "~{text}")
            }
            Self::Contains(text) => f.write_str(text),
        }
    }
}

/// Reads what [`Display`](fmt::Display) writes.
impl FromStr for OperationMatch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (make, rest): (fn(String) -> Self, &str) = match text.chars().next() {
            Some('=') => (Self::Exact, &text[1..]),
            Some('~') => (Self::Contains, &text[1..]),
            Some('^') => (Self::Prefix, &text[1..]),
            _ => match text.strip_suffix('*') {
                Some(rest) => (Self::Prefix, rest),
                None => (Self::Contains, text),
            },
        };
        if rest.is_empty() {
            return Err(format!(
                "operation {text:?} has no text; write part of a name, GET /cart* or =GET /cart"
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
        fn a_match_reads_back(text in "[=~^*]?[\\PC]{1,8}[*]?", form in 0..3) {
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
        for nothing in ["=", "*", "~", "^"] {
            assert!(nothing.parse::<OperationMatch>().is_err(), "{nothing}");
        }
    }
}
