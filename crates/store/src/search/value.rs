//! Compares an attribute value or a text with the value of a search.

use std::fmt::Write as _;

use memchr::memmem::Finder;
use regex::bytes::Regex;
use throughline_codec::binary;
use throughline_model::{Comparison, SearchValue};
use throughline_wire::AttributeValue;

use super::expression::regex;
use super::name::NameTest;
use super::number::{Number, is_ordered};
use crate::block::{ColumnKind, FilterEntry};
use crate::ids;
use crate::payload_refs::Reference;

/// A compiled comparison of values.
#[derive(Debug, Clone)]
pub(super) enum ValueTest {
    /// Passes any value.
    Exists,
    /// Passes this canonical text.
    Equal(EqualText),
    /// Passes a text that starts with this.
    Prefix(Vec<u8>),
    /// Passes a text that contains this.
    Contains(Box<Finder<'static>>),
    /// Passes a text in which the expression matches.
    Matches(Box<Regex>),
    /// Passes a number that compares with this number in this way.
    Number(Comparison, Number),
    /// Passes this boolean.
    Bool(bool),
    /// Passes a text that passes this test of names, which ignores case.
    Name(NameTest),
}

/// A text, with the numbers that have it as their canonical text.
#[derive(Debug, Clone)]
pub(super) struct EqualText {
    text: Vec<u8>,
    integer: Option<i64>,
    double: Option<f64>,
    /// The hash of the text as a payload.
    hash: [u8; 16],
}

impl EqualText {
    fn new(text: &str) -> Self {
        let mut encoded = Vec::new();
        binary::any_value::encode(&AttributeValue::from(text.to_owned()), 1, &mut encoded);
        let integer = text.parse::<i64>().ok();
        let double = text.parse::<f64>().ok();
        Self {
            text: text.as_bytes().to_vec(),
            integer: integer.filter(|number| number.to_string() == text),
            double: double.filter(|number| number.to_string() == text),
            hash: ids::payload(&encoded),
        }
    }

    fn is_double(&self, number: f64) -> bool {
        // Doubles with equal bits have equal texts. Apart from NaN, doubles with equal texts have
        // equal bits.
        self.double.is_some_and(|wanted| {
            wanted.to_bits() == number.to_bits() || (wanted.is_nan() && number.is_nan())
        })
    }
}

/// Returns the canonical texts of two numbers, one of which was converted from the other. Returns
/// two texts if they differ. A superfluous text only makes the search look at one more block.
fn spellings(integer: i64, double: f64) -> Vec<Vec<u8>> {
    let mut texts = vec![integer.to_string(), double.to_string()];
    texts.dedup();
    texts.into_iter().map(String::into_bytes).collect()
}

impl ValueTest {
    /// Returns the test of a comparison. For [`Comparison::NotEq`] it returns the test of equality.
    ///
    /// # Errors
    /// Returns a message for the user if a regular expression is invalid or too large.
    pub(super) fn new(operator: Comparison, value: &SearchValue) -> Result<Self, String> {
        Ok(match (operator, value) {
            (Comparison::Matches, SearchValue::Text(text)) => Self::Matches(Box::new(regex(text)?)),
            (Comparison::StartsWith, SearchValue::Text(text)) => {
                Self::Prefix(text.as_bytes().to_vec())
            }
            (Comparison::Contains, SearchValue::Text(text)) => {
                Self::Contains(Box::new(Finder::new(text).into_owned()))
            }
            (_, SearchValue::Text(text)) => Self::Equal(EqualText::new(text)),
            (_, SearchValue::Bool(truth)) => Self::Bool(*truth),
            (operator, SearchValue::Integer(number)) => {
                Self::Number(order(operator), Number::Integer(*number))
            }
            (operator, SearchValue::Double(number)) => {
                Self::Number(order(operator), Number::Double(*number))
            }
        })
    }

    /// Returns true if a text passes.
    pub(super) fn text(&self, text: &[u8]) -> bool {
        match self {
            Self::Exists => true,
            Self::Equal(wanted) => wanted.text == text,
            Self::Prefix(prefix) => text.starts_with(prefix),
            Self::Contains(finder) => finder.find(text).is_some(),
            Self::Matches(regex) => regex.is_match(text),
            Self::Name(test) => core::str::from_utf8(text).is_ok_and(|text| test.is(text)),
            Self::Number(..) | Self::Bool(_) => false,
        }
    }

    /// Returns true if an integer passes.
    pub(super) fn integer(&self, number: i64, buffer: &mut String) -> bool {
        match self {
            Self::Exists => true,
            Self::Equal(wanted) => wanted.integer == Some(number),
            Self::Number(operator, wanted) => is_ordered(*operator, wanted.cmp_integer(number)),
            Self::Bool(_) => false,
            _ => self.written(number, buffer),
        }
    }

    /// Returns true if a double passes.
    pub(super) fn double(&self, number: f64, buffer: &mut String) -> bool {
        match self {
            Self::Exists => true,
            Self::Equal(wanted) => wanted.is_double(number),
            Self::Number(operator, wanted) => is_ordered(*operator, wanted.cmp_double(number)),
            Self::Bool(_) => false,
            _ => self.written(number, buffer),
        }
    }

    /// Returns true if a boolean passes.
    pub(super) fn boolean(&self, truth: bool) -> bool {
        match self {
            Self::Bool(wanted) => *wanted == truth,
            _ => self.text(if truth { b"true" } else { b"false" }),
        }
    }

    /// Returns true if a value passes. An array passes if one of its elements passes.
    pub(super) fn value(&self, value: &AttributeValue, buffer: &mut String) -> bool {
        match value {
            AttributeValue::Array(values) => {
                matches!(self, Self::Exists)
                    || values
                        .iter()
                        .filter(|value| !matches!(value, AttributeValue::Array(_)))
                        .any(|value| self.value(value, buffer))
            }
            AttributeValue::Str(text) => self.text(text.as_bytes()),
            AttributeValue::Bool(truth) => self.boolean(*truth),
            AttributeValue::Int(number) => self.integer(*number, buffer),
            AttributeValue::Double(number) => self.double(*number, buffer),
            AttributeValue::Bytes(_) | AttributeValue::Map(_) | AttributeValue::Empty => {
                matches!(self, Self::Exists)
            }
        }
    }

    /// Returns true if a value in a column of this kind can pass.
    pub(super) fn may_pass(&self, kind: ColumnKind) -> bool {
        match (self, kind) {
            (Self::Exists, _) | (_, ColumnKind::Other) => true,
            (_, ColumnKind::Bytes) => false,
            (Self::Number(..), _) => matches!(kind, ColumnKind::Int | ColumnKind::Double),
            (Self::Bool(_), _) => kind == ColumnKind::Bool,
            (Self::Equal(wanted), ColumnKind::Int) => wanted.integer.is_some(),
            (Self::Equal(wanted), ColumnKind::Double) => wanted.double.is_some(),
            (Self::Equal(wanted), ColumnKind::Bool) => {
                wanted.text == b"true" || wanted.text == b"false"
            }
            _ => true,
        }
    }

    fn written(&self, number: impl core::fmt::Display, buffer: &mut String) -> bool {
        buffer.clear();
        // Writing to a string cannot fail.
        let _ = write!(buffer, "{number}");
        self.text(buffer.as_bytes())
    }

    /// Returns whether a payload passes, judged by its reference. Returns `None` if the test needs its
    /// value.
    pub(super) fn payload(&self, reference: &Reference) -> Option<bool> {
        let is_array = reference.filter_entry == FilterEntry::offloaded_array().to_bits();
        let is_text = reference.filter_entry != 0;
        let hash = &reference.hash;
        match self {
            Self::Exists => Some(true),
            _ if is_array => None,
            Self::Equal(wanted) => Some(is_text && wanted.hash == *hash),
            Self::Number(..) | Self::Bool(_) => Some(false),
            _ if !is_text => Some(false),
            _ => None,
        }
    }

    /// Returns the values that equal the text of the test, without arrays. Empty for other tests.
    pub(super) fn equal_values(&self) -> Vec<AttributeValue> {
        let Self::Equal(wanted) = self else {
            return Vec::new();
        };
        let text = String::from_utf8_lossy(&wanted.text).into_owned();
        let truth = text.parse::<bool>().ok();
        let mut values = vec![AttributeValue::from(text)];
        values.extend(truth.map(AttributeValue::from));
        values.extend(wanted.integer.map(AttributeValue::from));
        values.extend(wanted.double.map(AttributeValue::from));
        values
    }

    /// Returns the payload hash of the text, if the test is equality with a text.
    pub(super) const fn equal_payload(&self) -> Option<[u8; 16]> {
        match self {
            Self::Equal(wanted) => Some(wanted.hash),
            _ => None,
        }
    }

    /// Returns the texts of which a membership filter must contain at least one if an attribute
    /// passes. Returns `None` if the filter cannot exclude the attribute.
    pub(super) fn equal_texts(&self) -> Option<Vec<Vec<u8>>> {
        match self {
            Self::Equal(wanted) => Some(vec![wanted.text.clone()]),
            Self::Bool(truth) => Some(vec![truth.to_string().into_bytes()]),
            Self::Number(Comparison::Eq, number) => Some(match *number {
                // Zeros of both signs are equal but have different texts.
                Number::Integer(0) | Number::Double(0.0) => vec![b"0".to_vec(), b"-0".to_vec()],
                // Beyond 2^53, an integer and the double that equals it can have different texts.
                Number::Integer(number) => spellings(number, number as f64),
                Number::Double(number) => spellings(number as i64, number),
            }),
            _ => None,
        }
    }

    /// Returns the entries of which a filter must contain at least one if attribute `key` passes.
    pub(super) fn filter_entries(&self, key: &[u8]) -> Option<Vec<FilterEntry>> {
        let texts = self.equal_texts()?;
        let entries = texts.iter().map(|text| FilterEntry::attribute(key, text));
        let array = core::iter::once(FilterEntry::offloaded_array());
        Some(entries.chain(array).collect())
    }

    /// Returns bytes that the encoded attributes must contain if one of them passes. Returns `None`
    /// if there are no such bytes.
    pub(super) fn needle(&self) -> Option<&[u8]> {
        let text = match self {
            Self::Equal(wanted) => wanted.text.as_slice(),
            Self::Prefix(text) => text,
            Self::Contains(finder) => finder.needle(),
            _ => return None,
        };
        // Numbers and booleans are not encoded as text.
        let may_be_other = text
            .iter()
            .all(|byte| b"0123456789-.+infNatruefls".contains(byte));
        (!may_be_other).then_some(text)
    }
}

/// Returns equality for an operator that does not order numbers.
const fn order(operator: Comparison) -> Comparison {
    if operator.is_ordering() {
        operator
    } else {
        Comparison::Eq
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(operator: Comparison, wanted: impl Into<SearchValue>, value: AttributeValue) -> bool {
        let test = ValueTest::new(operator, &wanted.into()).expect("compiles");
        test.value(&value, &mut String::new())
    }

    #[test]
    fn a_number_is_searched_in_every_text_form_of_equal_numbers() {
        for exponent in [1, 53, 54, 60, 62] {
            let integer = 1_i64 << exponent;
            let double = integer as f64;
            for wanted in [SearchValue::from(integer), SearchValue::from(double)] {
                let test = ValueTest::new(Comparison::Eq, &wanted).expect("compiles");
                let texts = test.equal_texts().expect("are known");
                for stored in [integer.to_string(), double.to_string()] {
                    assert!(texts.contains(&stored.into_bytes()), "2^{exponent}");
                }
            }
        }
    }

    #[test]
    fn a_text_equals_every_value_with_this_text_and_a_number_equals_only_numbers() {
        for value in ["200".into(), 200_i64.into(), 200.0.into()] {
            assert!(passes(Comparison::Eq, "200", value));
        }
        assert!(passes(Comparison::Eq, "true", true.into()));
        assert!(passes(Comparison::Eq, "NaN", f64::NAN.into()));
        assert!(!passes(Comparison::Eq, "0200", 200_i64.into()));
        assert!(!passes(Comparison::Eq, 200_i64, "200".into()));
        assert!(passes(Comparison::Eq, 200_i64, 200.0.into()));
        assert!(passes(Comparison::Eq, 0_i64, (-0.0).into()));
        assert!(!passes(Comparison::Eq, true, "true".into()));
    }

    #[test]
    fn numbers_of_both_kinds_compare_exactly() {
        let large = 9_007_199_254_740_993_i64;
        assert!(passes(Comparison::Greater, large as f64, large.into()));
        assert!(passes(Comparison::Less, large, (large as f64).into()));
        assert!(passes(Comparison::GreaterEq, 1.5, 2_i64.into()));
        assert!(!passes(Comparison::GreaterEq, -1.5, (-2_i64).into()));
        assert!(passes(Comparison::Less, f64::INFINITY, i64::MAX.into()));
        assert!(!passes(Comparison::Less, f64::NAN, 1_i64.into()));
        assert!(!passes(Comparison::Less, 5_i64, "4".into()));
    }

    #[test]
    fn an_array_matches_by_its_elements_and_a_map_only_by_existence() {
        let list = AttributeValue::from(vec![AttributeValue::from("a"), 7_i64.into()]);
        assert!(passes(Comparison::Eq, "7", list.clone()));
        assert!(passes(Comparison::Matches, "^[ab]$", list.clone()));
        assert!(!passes(Comparison::Eq, "b", list));
        let map = AttributeValue::from(
            [("k", "v")]
                .into_iter()
                .collect::<throughline_wire::Attributes>(),
        );
        assert!(ValueTest::Exists.value(&map, &mut String::new()));
        assert!(!passes(Comparison::Contains, "v", map));
    }

    #[test]
    fn values_equal_to_a_search_value_are_in_the_filter_under_one_of_its_texts() {
        let texts = |value: SearchValue| {
            let test = ValueTest::new(Comparison::Eq, &value).expect("compiles");
            test.equal_texts().expect("is probed")
        };
        assert_eq!(texts(200.0.into()), [b"200"]);
        assert_eq!(texts((-0.0).into()).len(), 2);
        assert_eq!(texts(false.into()), [b"false"]);
    }

    #[test]
    fn an_invalid_or_too_large_expression_is_rejected() {
        for text in ["(", "(a{1000}){1000}"] {
            let value = SearchValue::from(text);
            assert!(
                ValueTest::new(Comparison::Matches, &value).is_err(),
                "{text}"
            );
        }
    }
}
