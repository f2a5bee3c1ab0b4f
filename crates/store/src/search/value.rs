//! Compares one value of an attribute or a text with what a search asks for.

use std::fmt::Write as _;

use memchr::memmem::Finder;
use regex::bytes::{Regex, RegexBuilder};
use throughline_codec::binary;
use throughline_model::{Comparison, SearchValue};
use throughline_wire::AttributeValue;

use super::number::{Number, is_ordered};
use crate::block::{ColumnKind, FilterEntry};
use crate::ids;

/// Memory that a compiled expression may take.
const REGEX_BYTES: usize = 1 << 20;

/// A comparison of values, compiled.
#[derive(Debug, Clone)]
pub(super) enum ValueTest {
    /// There is a value.
    Exists,
    /// The canonical text is this.
    Equal(EqualText),
    /// The text begins with this.
    Prefix(Vec<u8>),
    /// The text contains this.
    Contains(Box<Finder<'static>>),
    /// The expression matches in the text.
    Matches(Box<Regex>),
    /// The number compares in this way.
    Number(Comparison, Number),
    /// The boolean is this.
    Bool(bool),
}

/// A text with the numbers that are written so.
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
        // Equal bits have equal texts and, apart from NaN, only those.
        self.double.is_some_and(|wanted| {
            wanted.to_bits() == number.to_bits() || (wanted.is_nan() && number.is_nan())
        })
    }
}

/// Returns how two numbers are written, one of which was converted from the other: two texts where they
/// differ. A text too many costs a look at a block and nothing else.
fn spellings(integer: i64, double: f64) -> Vec<Vec<u8>> {
    let mut texts = vec![integer.to_string(), double.to_string()];
    texts.dedup();
    texts.into_iter().map(String::into_bytes).collect()
}

impl ValueTest {
    /// The test of a comparison; of [`Comparison::NotEq`] that of equality.
    ///
    /// # Errors
    /// A sentence for people when a regular expression is none, or too large.
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

    /// Returns whether a text passes.
    pub(super) fn text(&self, text: &[u8]) -> bool {
        match self {
            Self::Exists => true,
            Self::Equal(wanted) => wanted.text == text,
            Self::Prefix(prefix) => text.starts_with(prefix),
            Self::Contains(finder) => finder.find(text).is_some(),
            Self::Matches(regex) => regex.is_match(text),
            Self::Number(..) | Self::Bool(_) => false,
        }
    }

    /// Whether an integer passes.
    pub(super) fn integer(&self, number: i64, buffer: &mut String) -> bool {
        match self {
            Self::Exists => true,
            Self::Equal(wanted) => wanted.integer == Some(number),
            Self::Number(operator, wanted) => is_ordered(*operator, wanted.cmp_integer(number)),
            Self::Bool(_) => false,
            _ => self.written(number, buffer),
        }
    }

    /// Whether a double passes.
    pub(super) fn double(&self, number: f64, buffer: &mut String) -> bool {
        match self {
            Self::Exists => true,
            Self::Equal(wanted) => wanted.is_double(number),
            Self::Number(operator, wanted) => is_ordered(*operator, wanted.cmp_double(number)),
            Self::Bool(_) => false,
            _ => self.written(number, buffer),
        }
    }

    /// Whether a boolean passes.
    pub(super) fn boolean(&self, truth: bool) -> bool {
        match self {
            Self::Bool(wanted) => *wanted == truth,
            _ => self.text(if truth { b"true" } else { b"false" }),
        }
    }

    /// Whether a value passes: of an array one of its elements.
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

    /// Whether a value of such a column can pass.
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

    /// Whether a payload passes, told by its hash alone; none when its text must be read.
    pub(super) fn payload(&self, is_text: bool, hash: &[u8; 16]) -> Option<bool> {
        match self {
            Self::Exists => Some(true),
            Self::Equal(wanted) => Some(is_text && wanted.hash == *hash),
            Self::Number(..) | Self::Bool(_) => Some(false),
            _ if !is_text => Some(false),
            _ => None,
        }
    }

    /// The values that equality with a text means, apart from arrays with them; none of other tests.
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

    /// The hash that a text has as a payload, where equality with it is asked for.
    pub(super) const fn equal_payload(&self) -> Option<[u8; 16]> {
        match self {
            Self::Equal(wanted) => Some(wanted.hash),
            _ => None,
        }
    }

    /// The texts of which a membership filter has at least one when an attribute passes; none when
    /// it may pass whatever a filter has.
    pub(super) fn equal_texts(&self) -> Option<Vec<Vec<u8>>> {
        match self {
            Self::Equal(wanted) => Some(vec![wanted.text.clone()]),
            Self::Bool(truth) => Some(vec![truth.to_string().into_bytes()]),
            Self::Number(Comparison::Eq, number) => Some(match *number {
                // Zeros of both signs are equal and written differently.
                Number::Integer(0) | Number::Double(0.0) => vec![b"0".to_vec(), b"-0".to_vec()],
                // Beyond 2^53 an integer and the double that equals it are written differently.
                Number::Integer(number) => spellings(number, number as f64),
                Number::Double(number) => spellings(number as i64, number),
            }),
            _ => None,
        }
    }

    /// The entries of which a filter has at least one when the attribute `key` passes.
    pub(super) fn filter_entries(&self, key: &[u8]) -> Option<Vec<FilterEntry>> {
        let texts = self.equal_texts()?;
        let entries = texts.iter().map(|text| FilterEntry::attribute(key, text));
        Some(entries.collect())
    }

    /// Bytes that encoded attributes contain when one of them passes; none when they need not.
    pub(super) fn needle(&self) -> Option<&[u8]> {
        let text = match self {
            Self::Equal(wanted) => wanted.text.as_slice(),
            Self::Prefix(text) => text,
            Self::Contains(finder) => finder.needle(),
            _ => return None,
        };
        // A number or a boolean is not written as its text.
        let may_be_other = text
            .iter()
            .all(|byte| b"0123456789-.+infNatruefls".contains(byte));
        (!may_be_other).then_some(text)
    }
}

/// Equality for what is no order of numbers.
const fn order(operator: Comparison) -> Comparison {
    if operator.is_ordering() {
        operator
    } else {
        Comparison::Eq
    }
}

/// Compiles an expression; matching takes time linear in the text.
pub(super) fn regex(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text)
        .size_limit(REGEX_BYTES)
        .dfa_size_limit(REGEX_BYTES)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the regular expression is too large".to_owned(),
            _ => "the regular expression cannot be read".to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(operator: Comparison, wanted: impl Into<SearchValue>, value: AttributeValue) -> bool {
        let test = ValueTest::new(operator, &wanted.into()).expect("compiles");
        test.value(&value, &mut String::new())
    }

    #[test]
    fn a_number_is_looked_for_in_every_way_that_an_equal_one_is_written() {
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
    fn a_text_equals_whatever_is_written_so_and_a_number_only_numbers() {
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
    fn an_element_of_an_array_passes_for_it_and_a_map_only_exists() {
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
    fn what_equals_a_value_is_in_the_filter_under_one_of_its_texts() {
        let texts = |value: SearchValue| {
            let test = ValueTest::new(Comparison::Eq, &value).expect("compiles");
            test.equal_texts().expect("is probed")
        };
        assert_eq!(texts(200.0.into()), [b"200"]);
        assert_eq!(texts((-0.0).into()).len(), 2);
        assert_eq!(texts(false.into()), [b"false"]);
    }

    #[test]
    fn an_expression_that_is_none_or_too_large_is_refused() {
        for text in ["(", "(a{1000}){1000}"] {
            let value = SearchValue::from(text);
            assert!(
                ValueTest::new(Comparison::Matches, &value).is_err(),
                "{text}"
            );
        }
    }
}
