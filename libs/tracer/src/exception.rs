//! The attributes of `exception` events.

use std::error::Error;
use std::fmt::Write as _;

use throughline_wire::{Attributes, semconv};

/// Returns the attributes of an `exception` event.
pub(crate) fn exception(
    kind: Option<&'static str>,
    message: String,
    causes: Option<String>,
) -> Attributes {
    let mut attributes = Attributes::default();
    if let Some(kind) = kind {
        attributes.insert(semconv::EXCEPTION_TYPE, kind);
    }
    attributes.insert(semconv::EXCEPTION_MESSAGE, message);
    if let Some(causes) = causes {
        attributes.insert(semconv::EXCEPTION_STACKTRACE, causes);
    }
    attributes
}

/// Returns the causes of an error, one per line, at most 32.
pub(crate) fn causes(first: Option<&(dyn Error + 'static)>) -> Option<String> {
    let mut cause = first?;
    let mut text = String::new();
    for _ in 0..32 {
        // Writing to a string cannot fail. If the `Display` of an error fails, its line is cut.
        let _ = writeln!(text, "caused by: {cause}");
        match cause.source() {
            Some(deeper) => cause = deeper,
            None => break,
        }
    }
    Some(text)
}
