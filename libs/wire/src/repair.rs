//! Words for what ingest repaired in a span, shown beside it and kept in `throughline.repairs`.

use core::fmt;

use crate::{AttributeValue, Attributes, semconv};

macro_rules! repairs {
    ($($(#[$doc:meta])+ $name:ident = $word:literal),+ $(,)?) => {
        /// Something ingest repaired, or found odd and stored as it was sent.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Repair {
            $($(#[$doc])+ $name,)+
        }

        impl Repair {
            /// Every repair, in the order of their words.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The word in `throughline.repairs`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

// In alphabetical order of the words: what `RepairSet` yields is sorted without sorting.
repairs! {
    /// Attributes beyond the limit were dropped and counted.
    AttributesDropped = "attributes_dropped",
    /// The start lies well before or after the server's clock.
    ClockSkewed = "clock_skewed",
    /// NUL characters became U+2400.
    ControlCharacters = "control_characters",
    /// The span lasted longer than the limit; the end sent is in `throughline.sent_end_ns`.
    DurationCut = "duration_cut",
    /// The end was before the start and was moved there; the end sent is in
    /// `throughline.sent_end_ns`.
    EndBeforeStart = "end_before_start",
    /// An event without a time got the time of the span's start.
    EventTimeMissing = "event_time_missing",
    /// Events beyond the limit were dropped and counted.
    EventsDropped = "events_dropped",
    /// Bytes that are not UTF-8, or lone surrogates, became U+FFFD.
    InvalidUtf8 = "invalid_utf8",
    /// A key was longer than the limit.
    KeyCut = "key_cut",
    /// Links beyond the limit, or without valid ids, were dropped and counted.
    LinksDropped = "links_dropped",
    /// The name was longer than the limit.
    NameCut = "name_cut",
    /// A value nested too deep was replaced by a marker text.
    NestedTooDeep = "nested_too_deep",
    /// A number too great for a double became an infinity.
    NumberOverflow = "number_overflow",
    /// The span names itself as its parent; stored as sent.
    ParentIsSelf = "parent_is_self",
    /// The start was missing and was set to the end; that of a span of Zipkin's to the first of its
    /// annotations, or to the start of a span around it.
    StartMissing = "start_missing",
    /// A value was longer than the limit; its true size is in the text that ends it.
    ValueCut = "value_cut",
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A set of [`Repair`]s; four bytes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct RepairSet(u32);

impl RepairSet {
    /// Nothing was repaired.
    pub const NONE: Self = Self(0);

    /// Adds `repair`.
    pub const fn insert(&mut self, repair: Repair) {
        self.0 |= 1 << repair as u32;
    }

    /// Adds every repair of `other`.
    pub const fn extend(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether `repair` is in it.
    pub const fn contains(self, repair: Repair) -> bool {
        self.0 & 1 << repair as u32 != 0
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The repairs, sorted by their words.
    pub fn iter(self) -> impl Iterator<Item = Repair> {
        Repair::ALL
            .iter()
            .copied()
            .filter(move |repair| self.contains(*repair))
    }

    /// The repairs that attributes name under `throughline.repairs`; words of other versions are
    /// left out.
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

    /// The value of `throughline.repairs`.
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
    fn the_words_are_sorted_and_unlike() {
        assert!(Repair::ALL.is_sorted_by(|a, b| a.as_str() < b.as_str()));
        assert!(Repair::ALL.len() <= 32, "a repair is a bit of a u32");
    }

    #[test]
    fn marks_read_back_from_the_attribute_they_were_written_to() {
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
    fn an_attribute_of_that_name_but_another_shape_holds_no_marks() {
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
