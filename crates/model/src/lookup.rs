//! Look-up of a reference: finds the traces for an id that a user was given.

use serde::{Deserialize, Serialize};
use throughline_wire::{SpanId, TraceId};

use crate::query::{Parameters, check_text};
use crate::{Page, TraceSummary};

/// A text to look up, with the ids that it may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    text: String,
    trace_id: Option<TraceId>,
    span_id: Option<SpanId>,
}

impl Reference {
    /// Parses a text. 32 hexadecimal characters or a UUID may be a trace id, 16 may be a span id,
    /// and a whole `traceparent` has both. Every text may also be an indexed value. Spaces around
    /// it are removed.
    ///
    /// # Errors
    /// Returns a sentence for the user if the text is empty, longer than
    /// [`MAX_TEXT_BYTES`](crate::query::MAX_TEXT_BYTES), or has the character NUL, which is never
    /// stored.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("enter an id or a text to look up".to_owned());
        }
        check_text(text)?;
        let (trace_id, span_id) = traceparent(text).unwrap_or_else(|| {
            let trace_id = text.parse().ok().or_else(|| uuid(text));
            (trace_id, text.parse().ok())
        });
        Ok(Self {
            text: text.to_owned(),
            trace_id,
            span_id,
        })
    }

    /// Reads the parameter `q`. Returns `None` if there is none.
    pub fn decode(parameters: &mut Parameters<'_>) -> Option<Self> {
        parameters.parsed("q", Self::parse)
    }

    /// Returns the text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the trace that it may name.
    pub const fn trace_id(&self) -> Option<TraceId> {
        self.trace_id
    }

    /// Returns the span that it may name; within [`Self::trace_id`] if the text names both.
    pub const fn span_id(&self) -> Option<SpanId> {
        self.span_id
    }
}

fn traceparent(text: &str) -> Option<(Option<TraceId>, Option<SpanId>)> {
    let mut parts = text.split('-');
    let (version, trace_id, span_id) = (parts.next()?, parts.next()?, parts.next()?);
    let is_version = version.len() == 2 && version.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (trace_id, span_id) = (trace_id.parse().ok()?, span_id.parse().ok()?);
    is_version.then_some((Some(trace_id), Some(span_id)))
}

fn uuid(text: &str) -> Option<TraceId> {
    let lengths = text.split('-').map(str::len);
    if !lengths.eq([8, 4, 4, 4, 12]) {
        return None;
    }
    text.replace('-', "").parse().ok()
}

/// The way in which a text is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookedFor {
    /// The id of a trace.
    TraceId,
    /// The id of a span.
    SpanId,
    /// The value of an attribute of a span, an event, a log record, a resource or a scope, or the
    /// correlation id of an event.
    Attribute,
}

/// The result of looking up a reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lookup {
    /// The way in which it was found; `None` if it was not found.
    pub found: Option<LookedFor>,
    /// The names of the attributes that have the value, sorted. The correlation id of an event is
    /// named `throughline.correlation.id`.
    pub names: Vec<String>,
    /// The span that the reference names, if it is stored.
    pub span: Option<SpanId>,
    /// The traces, newest first.
    pub traces: Page<TraceSummary>,
    /// The ways that were tried, in order. The look-up stops at the first one that finds something.
    pub looked_for: Vec<LookedFor>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn ids(text: &str) -> (Option<String>, Option<String>) {
        let reference = Reference::parse(text).expect("is read");
        let trace_id = reference.trace_id().map(|id| id.to_string());
        (trace_id, reference.span_id().map(|id| id.to_string()))
    }

    #[test]
    fn the_form_of_a_text_says_what_it_may_be() {
        let (trace, span) = (Some(TRACE.to_owned()), Some(SPAN.to_owned()));
        assert_eq!(ids(&format!(" {TRACE}\n")), (trace.clone(), None));
        assert_eq!(ids(&TRACE.to_uppercase()), (trace.clone(), None));
        let uuid = "4bf92f35-77b3-4da6-a3ce-929d0e0e4736";
        assert_eq!(ids(uuid), (trace.clone(), None));
        assert_eq!(ids(SPAN), (None, span.clone()));
        assert_eq!(ids(&format!("00-{TRACE}-{SPAN}-01")), (trace, span));
        for other in ["order-4711", "00-x-y-01", "4bf92f35-77b3", &"0".repeat(32)] {
            assert_eq!(ids(other), (None, None), "{other}");
        }
    }

    #[test]
    fn what_nothing_can_have_is_refused() {
        for text in ["", " \t", "a\0b", &"x".repeat(10_241)] {
            assert!(Reference::parse(text).is_err(), "{text:?}");
        }
    }
}
