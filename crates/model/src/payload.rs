//! Offloaded payloads: large values that are stored apart from their span or event and fetched on
//! demand.

use serde::{Deserialize, Serialize};
use throughline_wire::AttributeValue;

/// A reference to an offloaded payload. Its span or event has a preview in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayloadRef {
    /// The path of the value within its span or log record.
    pub place: PayloadPlace,
    /// The XXH3-128 hash of the stored value, in hex. The value is fetched by this hash.
    pub hash: String,
    /// The size of the value in bytes. For texts and byte strings it is their length, for other
    /// values the length of their encoding.
    pub byte_count: u64,
}

/// The path of a value within its span or log record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum PayloadPlace {
    /// An attribute of the span, or of the log record.
    Attribute {
        /// The key of the attribute.
        key: String,
    },
    /// An attribute of an event of the span.
    Event {
        /// The index of the event, from 0.
        at: u32,
        /// The key of the attribute.
        key: String,
    },
    /// An attribute of a link of the span.
    Link {
        /// The index of the link, from 0.
        at: u32,
        /// The key of the attribute.
        key: String,
    },
    /// The body of a log record.
    Body,
    /// The message of the status of the span.
    StatusMessage,
}

impl PayloadRef {
    /// Returns the reference for an attribute of the span itself.
    pub fn of_attribute<'a>(refs: &'a [Self], wanted: &str) -> Option<&'a Self> {
        refs.iter()
            .find(|known| matches!(&known.place, PayloadPlace::Attribute { key } if key == wanted))
    }

    /// Returns the reference for the status message of the span.
    pub fn of_status_message(refs: &[Self]) -> Option<&Self> {
        refs.iter()
            .find(|known| known.place == PayloadPlace::StatusMessage)
    }

    /// Returns the reference for an attribute of the event at index `place`.
    pub fn of_event<'a>(refs: &'a [Self], place: usize, wanted: &str) -> Option<&'a Self> {
        refs.iter().find(|known| {
            matches!(&known.place, PayloadPlace::Event { at, key }
                if *at as usize == place && key == wanted)
        })
    }

    /// Returns the reference for an attribute of the link at index `place`.
    pub fn of_link<'a>(refs: &'a [Self], place: usize, wanted: &str) -> Option<&'a Self> {
        refs.iter().find(|known| {
            matches!(&known.place, PayloadPlace::Link { at, key }
                if *at as usize == place && key == wanted)
        })
    }
}

/// A whole value with its reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Payload {
    /// The path of the value, its size and its hash.
    #[serde(flatten)]
    pub reference: PayloadRef,
    /// The value.
    pub value: AttributeValue,
}
