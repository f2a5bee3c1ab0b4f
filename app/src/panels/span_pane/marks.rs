//! What ingest repaired in a span.

use leptos::prelude::*;
use throughline_viz::format_bytes;
use throughline_wire::{AttributeValue, Attributes, Mark, Marks, semconv};

/// A sentence for each mark, and how much was cut off; nothing for a span that was stored as it came.
#[component]
pub(super) fn Repairs(
    /// Attributes that may hold `throughline.marks`.
    attributes: Attributes,
) -> impl IntoView {
    let cut = match attributes.get(semconv::CUT_BYTES) {
        Some(AttributeValue::Int(bytes)) => u64::try_from(*bytes).ok().filter(|bytes| *bytes > 0),
        _ => None,
    };
    let cut = cut.map(|bytes| {
        format!(
            "{} of its values are not stored: they were beyond the limit.",
            format_bytes(bytes)
        )
    });
    let sentences: Vec<_> = Marks::of(&attributes)
        .iter()
        .map(|mark| sentence(mark).to_owned())
        .chain(cut)
        .map(|sentence| view! { <li>{sentence}</li> })
        .collect();
    (!sentences.is_empty()).then(|| {
        view! {
            <ul class="box w repairs" aria-label="What was repaired">
                {sentences}
            </ul>
        }
        .into_any()
    })
}

const fn sentence(mark: Mark) -> &'static str {
    match mark {
        Mark::AttributesDropped => "Attributes beyond the limit were dropped.",
        Mark::ClockSkewed => "Its start is far from the server's clock: the sender's clock is off.",
        Mark::ControlCharacters => "NUL characters were replaced.",
        Mark::DurationCut => "It claims to have lasted longer than the limit; its end was moved.",
        Mark::EndBeforeStart => "It ended before it began; its end was moved to its start.",
        Mark::EventTimeMissing => "An event without a time was moved to the start.",
        Mark::EventsDropped => "Events beyond the limit were dropped.",
        Mark::InvalidUtf8 => "Text that is not valid UTF-8 was replaced.",
        Mark::KeyCut => "A key was longer than the limit and was cut.",
        Mark::LinksDropped => "Links without valid ids or beyond the limit were dropped.",
        Mark::NameCut => "Its name was longer than the limit and was cut.",
        Mark::NestedTooDeep => "A value was nested too deep and was replaced.",
        Mark::NumberOverflow => "A number was too great and became an infinity.",
        Mark::ParentIsSelf => "It names itself as its parent.",
        Mark::StartMissing => {
            "Its start was missing and was set to its end, or taken from what is around it."
        }
        Mark::ValueCut => "A value was longer than the limit and was cut.",
    }
}
