//! The predicates over spans and traces that a search evaluates.

mod check;

use serde::{Deserialize, Serialize};

pub use check::{CheckedPredicate, kind_named, status_named};

/// A predicate over one span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpanPredicate {
    /// All of these hold; true if the list is empty.
    And(Vec<Self>),
    /// At least one of these holds; false if the list is empty.
    Or(Vec<Self>),
    /// This does not hold.
    Not(Box<Self>),
    /// A comparison of a field of the span with a value.
    Compare {
        /// The field.
        field: SpanField,
        /// The comparison.
        operator: Comparison,
        /// The value to compare with.
        value: SearchValue,
    },
    /// The span has the field: an attribute of any value, or a status message that is not empty.
    Exists(SpanField),
}

impl SpanPredicate {
    /// Returns the predicate that compares `field` with `value`.
    pub fn compare(field: SpanField, operator: Comparison, value: impl Into<SearchValue>) -> Self {
        Self::Compare {
            field,
            operator,
            value: value.into(),
        }
    }

    /// Returns the predicate that an attribute of the span, its events, its resource or its scope
    /// equals this value.
    pub fn attribute(key: impl Into<String>, value: impl Into<SearchValue>) -> Self {
        let field = SpanField::Attribute {
            owner: AttributeOwner::Any,
            key: key.into(),
        };
        Self::compare(field, Comparison::Eq, value)
    }
}

/// A predicate over one trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TracePredicate {
    /// At least one span of the trace meets this predicate.
    Has(SpanPredicate),
    /// All of these hold; true if the list is empty.
    And(Vec<Self>),
    /// At least one of these holds; false if the list is empty.
    Or(Vec<Self>),
    /// This does not hold.
    Not(Box<Self>),
}

/// A part of a span that can be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpanField {
    /// The name of the operation. Prefixes and contained texts ignore case.
    Name,
    /// The kind, by its name: `server`, `client`.
    Kind,
    /// The name of the service.
    Service,
    /// The status, by its name: `unset`, `ok`, `error`.
    Status,
    /// The status message. Prefixes and contained texts ignore case.
    StatusMessage,
    /// The text of a failed span: its status message. A failed span without one has the messages
    /// and types of the exceptions in its events, and its `error.type`. Prefixes and contained
    /// texts ignore case.
    ErrorText,
    /// The duration in ns.
    DurationNs,
    /// An attribute. An array matches if one of its elements does. A large text is compared as a
    /// whole. Arrays, maps and byte strings that are stored as payloads support `Exists` only.
    Attribute {
        /// The owner of the attribute.
        owner: AttributeOwner,
        /// The attribute key.
        key: String,
    },
    /// Any attribute of the span, its events, its resource or its scope.
    AnyAttribute,
}

/// The owner of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeOwner {
    /// Any of the owners below.
    Any,
    /// The span itself.
    Span,
    /// One of its events.
    Event,
    /// The resource of the span.
    Resource,
    /// The instrumentation scope of the span.
    Scope,
}

/// A comparison of a field with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// Equal. A text equals every value that is written in the same way: `200` equals the text, the
    /// integer and the double. A number equals numbers only.
    Eq,
    /// Present and not equal.
    NotEq,
    /// A number less than the value.
    Less,
    /// A number less than or equal to the value.
    LessEq,
    /// A number greater than the value.
    Greater,
    /// A number greater than or equal to the value.
    GreaterEq,
    /// A text that begins with the value.
    StartsWith,
    /// A text that contains the value.
    Contains,
    /// A text in which the regular expression finds a match.
    Matches,
}

impl Comparison {
    /// Reports whether it compares the order of numbers.
    pub const fn is_ordering(self) -> bool {
        matches!(
            self,
            Self::Less | Self::LessEq | Self::Greater | Self::GreaterEq
        )
    }

    /// Reports whether it searches within a text.
    pub const fn is_textual(self) -> bool {
        matches!(self, Self::StartsWith | Self::Contains | Self::Matches)
    }
}

/// A value to compare with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchValue {
    /// A text.
    Text(String),
    /// An integer.
    Integer(i64),
    /// A double.
    Double(f64),
    /// A boolean.
    Bool(bool),
}

macro_rules! from {
    ($($from:ty => $variant:ident),* $(,)?) => {
        $(impl From<$from> for SearchValue {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        })*
    };
}

from! {
    &str => Text,
    String => Text,
    i64 => Integer,
    f64 => Double,
    bool => Bool,
}
