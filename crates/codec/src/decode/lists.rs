//! Events and links of a span that were not read, because there were too many: counted, so that the
//! span says so.

use core::fmt;

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use throughline_wire::room::{self, LIST_ITEMS};
use throughline_wire::{Mark, Marks, Span};

/// How long a list is.
#[derive(Default)]
struct Length(usize);

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items;

        impl<'de> Visitor<'de> for Items {
            type Value = Length;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Length, A::Error> {
                room::skip_rest(seq).map(Length)
            }
        }

        deserializer.deserialize_seq(Items)
    }
}

#[derive(serde::Deserialize)]
struct Lengths {
    #[serde(default)]
    events: Length,
    #[serde(default)]
    links: Length,
}

/// Adds to the dropped counts of `span` what its text `raw` has beyond what was read of it.
pub(super) fn count_beyond(span: &mut Span, raw: &str, marks: &mut Marks) {
    let is_full = span.events.len() >= LIST_ITEMS || span.links.len() >= LIST_ITEMS;
    if !is_full && !room::is_used_up() {
        return;
    }
    // It has been read, so it is an object; what cannot be counted is not there.
    let Ok(lengths) = serde_json::from_str::<Lengths>(raw) else {
        return;
    };
    drop_beyond(
        lengths.events.0.saturating_sub(span.events.len()),
        (&mut span.dropped_events_count, Mark::EventsDropped),
        marks,
    );
    drop_beyond(
        lengths.links.0.saturating_sub(span.links.len()),
        (&mut span.dropped_links_count, Mark::LinksDropped),
        marks,
    );
}

/// Adds items that were not read to a count of dropped ones.
fn drop_beyond(beyond: usize, (count, mark): (&mut u32, Mark), marks: &mut Marks) {
    if beyond > 0 {
        *count = count.saturating_add(u32::try_from(beyond).unwrap_or(u32::MAX));
        marks.insert(mark);
    }
}
