//! The repairs that ingest made in a span.

use leptos::prelude::*;
use throughline_viz::format_bytes;
use throughline_wire::{AttributeValue, Attributes, Repair, RepairSet, semconv};

/// One sentence for each repair, and the amount that was cut off. Empty for a span that was stored
/// as sent.
#[component]
pub(super) fn Repairs(
    /// The attributes, which may contain `throughline.repairs`.
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
    let sentences: Vec<_> = RepairSet::of(&attributes)
        .iter()
        .map(|repair| sentence(repair).to_owned())
        .chain(cut)
        .map(|sentence| view! { <li>{sentence}</li> })
        .collect();
    (!sentences.is_empty()).then(|| {
        view! {
            <ul class="box w repairs" aria-label="Repairs">
                {sentences}
            </ul>
        }
        .into_any()
    })
}

const fn sentence(repair: Repair) -> &'static str {
    match repair {
        Repair::ArrivedLate => {
            "It arrived more than 48 h after its end: it was sent late, or the sender's clock is slow."
        }
        Repair::AttributesDropped => "Attributes beyond the limit were dropped.",
        Repair::ClockSkewed => "It began after it arrived: the sender's clock is fast.",
        Repair::ControlCharacters => "NUL characters were replaced.",
        Repair::EndAhead => "Its end is more than 24 h in the future and was moved.",
        Repair::EndBeforeStart => "It ended before it began; its end was moved to its start.",
        Repair::EndMissing => "No end was received.",
        Repair::EventTimeMissing => "An event without a time was moved to the start.",
        Repair::EventsDropped => "Events beyond the limit were dropped.",
        Repair::InvalidUtf8 => "Text that is not valid UTF-8 was replaced.",
        Repair::KeyCut => "A key was longer than the limit and was cut.",
        Repair::LinksDropped => "Links without valid ids or beyond the limit were dropped.",
        Repair::NameCut => "Its name was longer than the limit and was cut.",
        Repair::NestedTooDeep => "A value was nested too deep and was replaced.",
        Repair::NumberOverflow => "A number was too great and became an infinity.",
        Repair::ParentIsSelf => "It names itself as its parent.",
        Repair::PartUnreadable => "A value of the wrong type was replaced by its text or left out.",
        Repair::StartMissing => {
            "Its start was missing and was set to its end, or estimated from its context."
        }
        Repair::ValueCut => "A value was longer than the limit and was cut.",
    }
}
