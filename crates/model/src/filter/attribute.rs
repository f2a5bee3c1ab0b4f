//! A condition on an attribute of any span of a trace.

use core::fmt;

use serde::{Deserialize, Serialize};
use throughline_wire::AttributeValue;

use crate::query::quoted;

/// The condition that a span of the trace has the attribute `key` with this value.
///
/// Values are compared as text: `200` matches the text, the integer and the double, and `true`
/// matches the text and the boolean.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AttributeCondition {
    /// The name of the attribute.
    pub key: String,
    /// Its value, as text.
    pub value: String,
}

impl AttributeCondition {
    /// Parses `KEY=VALUE`.
    ///
    /// # Errors
    /// Returns a sentence for the user that says what is missing.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() && !value.is_empty() => Ok(Self {
                key: key.trim().to_owned(),
                value: value.to_owned(),
            }),
            _ => Err(format!("{} is not KEY=VALUE", quoted(text))),
        }
    }

    /// Returns every typed value that is written as this text.
    pub fn values(&self) -> Vec<AttributeValue> {
        let text = &self.value;
        let mut values = vec![AttributeValue::from(text.clone())];
        if let Ok(flag) = text.parse::<bool>() {
            values.push(flag.into());
        }
        if let Some(number) = text.parse::<i64>().ok().filter(|n| n.to_string() == *text) {
            values.push(number.into());
        }
        if let Ok(number) = text.parse::<f64>() {
            values.push(number.into());
        }
        values
    }
}

/// Formats the condition as `KEY=VALUE`.
impl fmt::Display for AttributeCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_reads_back_and_a_value_may_contain_anything() {
        let condition = AttributeCondition::parse("url.query=a=b c").expect("is read");
        assert_eq!(condition.key, "url.query");
        assert_eq!(condition.value, "a=b c");
        assert_eq!(
            AttributeCondition::parse(&condition.to_string()),
            Ok(condition)
        );
        for wrong in ["", "key", "=value", "key="] {
            assert!(AttributeCondition::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_text_stands_for_every_value_that_reads_like_it() {
        let values = |value: &str| {
            AttributeCondition {
                key: "k".to_owned(),
                value: value.to_owned(),
            }
            .values()
        };
        assert_eq!(
            values("200"),
            vec!["200".into(), 200_i64.into(), 200.0.into()]
        );
        assert_eq!(values("true"), vec!["true".into(), true.into()]);
        assert_eq!(values("007"), vec!["007".into(), 7.0.into()]);
        assert_eq!(values("shop"), vec!["shop".into()]);
    }
}
