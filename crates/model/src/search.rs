//! Predicates over spans and traces: what a search asks for.

mod check;

use serde::{Deserialize, Serialize};

pub use check::{CheckedPredicate, kind_named, status_named};

/// A predicate over one span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpanPredicate {
    /// All of these hold; true when there are none.
    And(Vec<Self>),
    /// At least one of these holds; false when there are none.
    Or(Vec<Self>),
    /// This does not hold.
    Not(Box<Self>),
    /// A field of the span compares with a value in this way.
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
    /// The predicate that `field` compares with `value`.
    pub fn compare(field: SpanField, operator: Comparison, value: impl Into<SearchValue>) -> Self {
        Self::Compare {
            field,
            operator,
            value: value.into(),
        }
    }

    /// The predicate that an attribute of the span, its events, its resource or its scope has this
    /// text.
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
    /// The trace has a span of which this holds.
    Has(SpanPredicate),
    /// All of these hold; true when there are none.
    And(Vec<Self>),
    /// At least one of these holds; false when there are none.
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
    /// The duration in ns.
    DurationNs,
    /// An attribute. An array matches when one of its elements does; a large text is compared
    /// whole; arrays, maps and byte strings that are stored as payloads only exist.
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
    /// Any of those below.
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
    /// Equal. A text equals every value that is written so: `200` the text, the integer and the
    /// double. A number equals numbers only.
    Eq,
    /// There and not equal.
    NotEq,
    /// A smaller number.
    Less,
    /// A smaller number or the same.
    LessEq,
    /// A greater number.
    Greater,
    /// A greater number or the same.
    GreaterEq,
    /// A text that begins with the value.
    StartsWith,
    /// A text that contains the value.
    Contains,
    /// A text in which a regular expression matches somewhere.
    Matches,
}

impl Comparison {
    /// Returns whether it compares the order of numbers.
    pub const fn is_ordering(self) -> bool {
        matches!(
            self,
            Self::Less | Self::LessEq | Self::Greater | Self::GreaterEq
        )
    }

    /// Returns whether it looks into a text.
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
