//! Checks that a search can evaluate a predicate.

use serde::{Deserialize, Serialize};
use throughline_wire::{SpanKind, StatusCode};

use super::{Comparison, SearchValue, SpanField, SpanPredicate, TracePredicate};

/// A predicate that respects the limits and whose comparisons are all valid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "TracePredicate", into = "TracePredicate")]
pub struct CheckedPredicate(TracePredicate);

impl CheckedPredicate {
    /// The maximum depth of a predicate, in levels.
    pub const MAX_DEPTH: usize = 32;
    /// The maximum number of comparisons.
    pub const MAX_LEAVES: usize = 64;
    /// Checks the predicate. The search itself checks the syntax of regular expressions.
    ///
    /// # Errors
    /// Returns a sentence for the user that says what is wrong.
    pub fn new(predicate: TracePredicate) -> Result<Self, String> {
        let mut check = Check { leaves: 0 };
        check.trace(&predicate, 1)?;
        Ok(Self(predicate))
    }

    /// Returns the predicate.
    pub const fn get(&self) -> &TracePredicate {
        &self.0
    }
}

impl TryFrom<TracePredicate> for CheckedPredicate {
    type Error = String;

    fn try_from(predicate: TracePredicate) -> Result<Self, String> {
        Self::new(predicate)
    }
}

impl From<CheckedPredicate> for TracePredicate {
    fn from(checked: CheckedPredicate) -> Self {
        checked.0
    }
}

struct Check {
    leaves: usize,
}

impl Check {
    fn trace(&mut self, predicate: &TracePredicate, depth: usize) -> Result<(), String> {
        check_depth(depth)?;
        match predicate {
            TracePredicate::Has(span) => self.span(span, depth + 1),
            TracePredicate::And(parts) | TracePredicate::Or(parts) => {
                self.list(parts.is_empty())?;
                parts
                    .iter()
                    .try_for_each(|part| self.trace(part, depth + 1))
            }
            TracePredicate::Not(part) => self.trace(part, depth + 1),
        }
    }

    fn span(&mut self, predicate: &SpanPredicate, depth: usize) -> Result<(), String> {
        check_depth(depth)?;
        match predicate {
            SpanPredicate::And(parts) | SpanPredicate::Or(parts) => {
                self.list(parts.is_empty())?;
                parts.iter().try_for_each(|part| self.span(part, depth + 1))
            }
            SpanPredicate::Not(part) => self.span(part, depth + 1),
            SpanPredicate::Exists(field) => {
                self.leaf()?;
                check_field(field)
            }
            SpanPredicate::Compare {
                field,
                operator,
                value,
            } => {
                self.leaf()?;
                check_field(field)?;
                check_comparison(field, *operator, value)
            }
        }
    }

    /// Counts an empty list as one comparison. Without that, a predicate could have any number of
    /// empty lists.
    fn list(&mut self, is_empty: bool) -> Result<(), String> {
        if is_empty { self.leaf() } else { Ok(()) }
    }

    fn leaf(&mut self) -> Result<(), String> {
        self.leaves += 1;
        if self.leaves > CheckedPredicate::MAX_LEAVES {
            return Err(format!(
                "the search has more than {} comparisons",
                CheckedPredicate::MAX_LEAVES
            ));
        }
        Ok(())
    }
}

fn check_depth(depth: usize) -> Result<(), String> {
    if depth > CheckedPredicate::MAX_DEPTH {
        return Err(format!(
            "the search is nested deeper than {} levels",
            CheckedPredicate::MAX_DEPTH
        ));
    }
    Ok(())
}

fn check_text(what: &str, text: &str) -> Result<(), String> {
    crate::query::check_text(text).map_err(|fault| format!("{what} {fault}"))
}

fn check_field(field: &SpanField) -> Result<(), String> {
    match field {
        SpanField::Attribute { key, .. } if key.is_empty() => {
            Err("an attribute has no name".to_owned())
        }
        SpanField::Attribute { key, .. } => check_text("the name of an attribute", key),
        _ => Ok(()),
    }
}

fn check_comparison(
    field: &SpanField,
    operator: Comparison,
    value: &SearchValue,
) -> Result<(), String> {
    if let SearchValue::Text(text) = value {
        check_text("a text", text)?;
    }
    let is_text = matches!(value, SearchValue::Text(_));
    let is_number = matches!(value, SearchValue::Integer(_) | SearchValue::Double(_));
    if operator.is_ordering() && !is_number {
        return Err("only numbers can be less or greater".to_owned());
    }
    if operator.is_textual() && !is_text {
        return Err("only a text can be a prefix, a part or a pattern".to_owned());
    }
    match (field, value) {
        (SpanField::DurationNs, _) if operator.is_textual() || !is_number => {
            Err("a duration is compared with a number of ns".to_owned())
        }
        (
            SpanField::Name | SpanField::Service | SpanField::StatusMessage | SpanField::ErrorText,
            _,
        ) if !is_text => Err("names and status messages are compared with a text".to_owned()),
        (SpanField::Kind | SpanField::Status, _)
            if !matches!(operator, Comparison::Eq | Comparison::NotEq) =>
        {
            Err("a kind or a status is equal or not".to_owned())
        }
        (SpanField::Kind, SearchValue::Text(text)) if kind_named(text).is_some() => Ok(()),
        (SpanField::Kind, _) => {
            Err("a kind is internal, server, client, producer, consumer or unspecified".to_owned())
        }
        (SpanField::Status, SearchValue::Text(text)) if status_named(text).is_some() => Ok(()),
        (SpanField::Status, _) => Err("a status is unset, ok or error".to_owned()),
        _ => Ok(()),
    }
}

/// Returns the kind of this name.
pub fn kind_named(name: &str) -> Option<SpanKind> {
    (0..=5)
        .map(SpanKind::from_code)
        .find(|kind| kind.as_str() == name)
}

/// Returns the status of this name.
pub fn status_named(name: &str) -> Option<StatusCode> {
    match name {
        "unset" => Some(StatusCode::Unset),
        "ok" => Some(StatusCode::Ok),
        "error" => Some(StatusCode::Error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(predicate: SpanPredicate) -> String {
        CheckedPredicate::new(TracePredicate::Has(predicate)).expect_err("is refused")
    }

    fn named(name: &str) -> SpanPredicate {
        SpanPredicate::compare(SpanField::Name, Comparison::Eq, name)
    }

    #[test]
    fn a_predicate_has_limits() {
        let deep = (0..40).fold(named("x"), |inner, _| SpanPredicate::Not(Box::new(inner)));
        assert!(refused(deep).contains("deeper than 32"));
        let many = |count| SpanPredicate::Or(vec![named("x"); count]);
        assert!(refused(many(65)).contains("more than 64"));
        assert!(CheckedPredicate::new(TracePredicate::Has(many(64))).is_ok());
        let empty = SpanPredicate::And(vec![SpanPredicate::Or(Vec::new()); 65]);
        assert!(refused(empty).contains("more than 64"));
        let text = "x".repeat(crate::query::MAX_TEXT_BYTES + 1);
        assert!(refused(named(&text)).contains("longer"));
        assert!(refused(named("a\0b")).contains("NUL"));
    }

    #[test]
    fn comparisons_that_mean_nothing_are_refused() {
        let attribute = || SpanField::AnyAttribute;
        for (field, operator, value) in [
            (attribute(), Comparison::Less, SearchValue::from("5")),
            (attribute(), Comparison::Contains, 5_i64.into()),
            (SpanField::DurationNs, Comparison::Eq, "5".into()),
            (SpanField::DurationNs, Comparison::Matches, "5".into()),
            (SpanField::Name, Comparison::Eq, 5_i64.into()),
            (SpanField::Kind, Comparison::Contains, "server".into()),
            (SpanField::Kind, Comparison::Eq, "servant".into()),
            (SpanField::Status, Comparison::Eq, "failed".into()),
        ] {
            let wrong = SpanPredicate::compare(field, operator, value);
            assert!(!refused(wrong.clone()).is_empty(), "{wrong:?}");
        }
        let nameless = SpanPredicate::attribute("", "x");
        assert!(refused(nameless).contains("no name"));
    }

    #[test]
    fn a_predicate_reads_back_and_is_checked_when_it_is_read() {
        let predicate = TracePredicate::And(vec![
            TracePredicate::Has(SpanPredicate::attribute("a", 5_i64)),
            TracePredicate::Not(Box::new(TracePredicate::Has(SpanPredicate::Exists(
                SpanField::StatusMessage,
            )))),
        ]);
        let checked = CheckedPredicate::new(predicate).expect("is fine");
        let json = serde_json::to_string(&checked).expect("is written");
        let read: CheckedPredicate = serde_json::from_str(&json).expect("is read");
        assert_eq!(read, checked);
        let wrong = r#"{"has":{"compare":{"field":"kind","operator":"eq","value":{"text":"x"}}}}"#;
        assert!(serde_json::from_str::<CheckedPredicate>(wrong).is_err());
    }
}
