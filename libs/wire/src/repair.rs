//! The repairs that ingest makes in a span. The panel shows them, and `throughline.repairs` keeps
//! them.

use core::fmt;

use crate::{AttributeValue, Attributes, semconv};

macro_rules! repairs {
    ($($(#[$doc:meta])+ $name:ident = $word:literal),+ $(,)?) => {
        /// A repair by ingest, or an oddity that ingest recorded and left unchanged.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Repair {
            $($(#[$doc])+ $name,)+
        }

        impl Repair {
            /// All repairs, sorted by name.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Returns the name used in `throughline.repairs`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

// Keep these sorted by name: the iterator of `RepairSet` then yields sorted names.
repairs! {
    /// The span or log record arrived more than 48 h after its end. It is stored as sent.
    ArrivedLate = "arrived_late",
    /// Attributes over the limit were dropped and counted.
    AttributesDropped = "attributes_dropped",
    /// The start is more than 5 min ahead of the server's clock. The span is stored as sent.
    ClockSkewed = "clock_skewed",
    /// NUL characters were replaced by U+2400.
    ControlCharacters = "control_characters",
    /// The end was more than 24 h ahead of the server's clock. It was moved to 24 h after the start;
    /// `throughline.sent_end_ns` keeps the original end.
    EndAhead = "end_ahead",
    /// The end was before the start and was moved to the start; `throughline.sent_end_ns` keeps the
    /// original end.
    EndBeforeStart = "end_before_start",
    /// No end was received. The span ends at its start.
    EndMissing = "end_missing",
    /// An event had no time and got the start time of the span.
    EventTimeMissing = "event_time_missing",
    /// Events over the limit were dropped and counted.
    EventsDropped = "events_dropped",
    /// Bytes that are not UTF-8, or lone surrogates, were replaced by U+FFFD.
    InvalidUtf8 = "invalid_utf8",
    /// A key over the limit was cut.
    KeyCut = "key_cut",
    /// Links over the limit or without valid ids were dropped and counted.
    LinksDropped = "links_dropped",
    /// A name over the limit was cut.
    NameCut = "name_cut",
    /// A value nested too deep was replaced by a text.
    NestedTooDeep = "nested_too_deep",
    /// A number too large for a double was replaced by an infinity.
    NumberOverflow = "number_overflow",
    /// The span names itself as its parent. The span is stored as sent.
    ParentIsSelf = "parent_is_self",
    /// A value or a field of the wrong type was replaced by its text, or left out.
    PartUnreadable = "part_unreadable",
    /// The start was missing and was set to the end. A Zipkin span gets the time of its first
    /// annotation or the start of an enclosing span instead.
    StartMissing = "start_missing",
    /// A value over the limit was cut; the text at its end states the true size.
    ValueCut = "value_cut",
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A set of [`Repair`]s, in four bytes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct RepairSet(u32);

impl RepairSet {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// Adds `repair`.
    pub const fn insert(&mut self, repair: Repair) {
        self.0 |= 1 << repair as u32;
    }

    /// Adds every repair of `other`.
    pub const fn extend(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Returns true if the set contains `repair`.
    pub const fn contains(self, repair: Repair) -> bool {
        self.0 & 1 << repair as u32 != 0
    }

    /// Returns true if the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Iterates over the repairs, sorted by name.
    pub fn iter(self) -> impl Iterator<Item = Repair> {
        Repair::ALL
            .iter()
            .copied()
            .filter(move |repair| self.contains(*repair))
    }

    /// Reads the repairs listed under `throughline.repairs`. Ignores unknown names, which other
    /// versions may write.
    pub fn of(attributes: &Attributes) -> Self {
        let mut repairs = Self::NONE;
        if let Some(AttributeValue::Array(words)) = attributes.get(semconv::REPAIRS) {
            for word in words.iter().filter_map(AttributeValue::as_str) {
                if let Some(repair) = Repair::ALL.iter().find(|repair| repair.as_str() == word) {
                    repairs.insert(*repair);
                }
            }
        }
        repairs
    }

    /// Returns the value of `throughline.repairs`.
    pub fn to_value(self) -> AttributeValue {
        AttributeValue::Array(self.iter().map(|repair| repair.as_str().into()).collect())
    }
}

impl FromIterator<Repair> for RepairSet {
    fn from_iter<I: IntoIterator<Item = Repair>>(repairs: I) -> Self {
        let mut set = Self::NONE;
        for repair in repairs {
            set.insert(repair);
        }
        set
    }
}

impl fmt::Debug for RepairSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repair_names_are_sorted_and_unique() {
        assert!(Repair::ALL.is_sorted_by(|a, b| a.as_str() < b.as_str()));
        assert!(Repair::ALL.len() <= 32, "a repair is a bit of a u32");
    }

    #[test]
    fn repairs_are_read_back_from_their_attribute() {
        let repairs: RepairSet = [Repair::ValueCut, Repair::ClockSkewed]
            .into_iter()
            .collect();
        let mut attributes = Attributes::default();
        attributes.insert(semconv::REPAIRS, repairs.to_value());
        assert_eq!(RepairSet::of(&attributes), repairs);
        assert_eq!(
            serde_json::to_string(&attributes).expect("serialises"),
            r#"{"throughline.repairs":["clock_skewed","value_cut"]}"#
        );
    }

    #[test]
    fn a_repairs_attribute_of_another_type_has_no_repairs() {
        for value in [
            AttributeValue::Bool(true),
            AttributeValue::Array(vec![1_i64.into(), "x".into()]),
        ] {
            let mut attributes = Attributes::default();
            attributes.insert(semconv::REPAIRS, value);
            assert!(RepairSet::of(&attributes).is_empty());
        }
    }
}
