//! Large values that are kept apart from their span or event, and fetched on demand.

use serde::{Deserialize, Serialize};
use throughline_wire::AttributeValue;

/// A value that is kept apart: what stands in its place is a preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayloadRef {
    /// Where it stood.
    pub place: PayloadPlace,
    /// The XXH3-128 of the value as it is stored, in hex: what it is fetched by.
    pub hash: String,
    /// Size of the value: of text and bytes their own, of others that of their encoding.
    pub byte_count: u64,
}

/// Where a value stood.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum PayloadPlace {
    /// An attribute of the span, or of the log record.
    Attribute {
        /// Its key.
        key: String,
    },
    /// An attribute of an event of the span.
    Event {
        /// Place of the event, from 0.
        at: u32,
        /// Key of the attribute.
        key: String,
    },
    /// An attribute of a link of the span.
    Link {
        /// Place of the link, from 0.
        at: u32,
        /// Key of the attribute.
        key: String,
    },
    /// The body of a log record.
    Body,
}

impl PayloadRef {
    /// The reference for an attribute of the span itself.
    pub fn of_attribute<'a>(refs: &'a [Self], wanted: &str) -> Option<&'a Self> {
        refs.iter()
            .find(|known| matches!(&known.place, PayloadPlace::Attribute { key } if key == wanted))
    }

    /// The reference for an attribute of the event at `place`.
    pub fn of_event<'a>(refs: &'a [Self], place: usize, wanted: &str) -> Option<&'a Self> {
        refs.iter().find(|known| {
            matches!(&known.place, PayloadPlace::Event { at, key }
                if *at as usize == place && key == wanted)
        })
    }

    /// The reference for an attribute of the link at `place`.
    pub fn of_link<'a>(refs: &'a [Self], place: usize, wanted: &str) -> Option<&'a Self> {
        refs.iter().find(|known| {
            matches!(&known.place, PayloadPlace::Link { at, key }
                if *at as usize == place && key == wanted)
        })
    }
}

/// A whole value with what it is called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Payload {
    /// Where it stands, how large it is, and its hash.
    #[serde(flatten)]
    pub reference: PayloadRef,
    /// The value.
    pub value: AttributeValue,
}
