//! Look-up of a reference: finds the traces for an id that a user was given.

use serde::{Deserialize, Serialize};
use throughline_wire::{SpanId, TraceId};

use crate::query::{Parameters, check_text};
use crate::{Page, TraceSummary, ids};

/// A text to look up, with the ids that it may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    text: String,
    trace_ids: Vec<TraceId>,
    span_id: Option<SpanId>,
    /// True if the text names a span and its trace.
    names_both: bool,
}

impl Reference {
    /// Parses a text. It may be a trace id or a span id in any form that [`ids`] reads, or both of
    /// them in the header `traceparent`, `b3` or `uber-trace-id`. Every text may also be an indexed
    /// value. Spaces around it are removed.
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
        let both = span_context(text);
        let (trace_ids, span_id) = match both {
            Some((trace_id, span_id)) => (vec![trace_id], Some(span_id)),
            None => (ids::possible_trace_ids(text), ids::possible_span_id(text)),
        };
        Ok(Self {
            text: text.to_owned(),
            trace_ids,
            span_id,
            names_both: both.is_some(),
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

    /// Returns the traces that it may name, the most likely one first.
    pub fn trace_ids(&self) -> &[TraceId] {
        &self.trace_ids
    }

    /// Returns the span that it may name.
    pub const fn span_id(&self) -> Option<SpanId> {
        self.span_id
    }

    /// Returns the span that it names within the trace that it names, if it names both.
    pub fn span_in_trace(&self) -> Option<SpanId> {
        self.span_id.filter(|_| self.names_both)
    }
}

/// Reads the headers that name a span and its trace: W3C `traceparent`
/// (`00-{trace}-{span}-01`), B3 (`{trace}-{span}` and more) and Jaeger (`{trace}:{span}:{parent}:1`).
fn span_context(text: &str) -> Option<(TraceId, SpanId)> {
    let is_hex = |text: &str, lengths: &[usize]| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let version = text.split_once('-');
    let version = version.filter(|(version, _)| is_hex(version, &[2]));
    let mut fields = version.map_or(text, |(_, fields)| fields).split('-');
    let named = fields.next().zip(fields.next());
    let named =
        named.filter(|(trace_id, span_id)| is_hex(trace_id, &[16, 32]) && is_hex(span_id, &[16]));
    let (trace_id, span_id) = named.or_else(|| {
        let fields: Vec<&str> = text.split(':').collect();
        let [trace_id, span_id, _, _] = fields[..] else {
            return None;
        };
        Some((trace_id, span_id))
    })?;
    let trace_id = ids::possible_trace_ids(trace_id).into_iter().next()?;
    Some((trace_id, ids::possible_span_id(span_id)?))
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

    fn ids_of(text: &str) -> (Option<String>, Option<String>) {
        let reference = Reference::parse(text).expect("is read");
        let trace_id = reference.trace_ids().first().map(ToString::to_string);
        (trace_id, reference.span_id().map(|id| id.to_string()))
    }

    #[test]
    fn the_form_of_a_text_says_what_it_may_be() {
        let (trace, span) = (Some(TRACE.to_owned()), Some(SPAN.to_owned()));
        assert_eq!(ids_of(&format!(" {TRACE}\n")), (trace.clone(), None));
        assert_eq!(ids_of(&TRACE.to_uppercase()), (trace.clone(), None));
        let uuid = "4bf92f35-77b3-4da6-a3ce-929d0e0e4736";
        assert_eq!(ids_of(uuid), (trace.clone(), None));
        // The same text is a trace id of 64 bits.
        let short = Some(format!("{SPAN:0>32}"));
        assert_eq!(ids_of(SPAN), (short.clone(), span.clone()));
        assert_eq!(ids_of("f067aa0ba902b7"), (short.clone(), span.clone()));
        assert_eq!(ids_of("APBnqgupArc="), (short.clone(), span.clone()));
        assert_eq!(ids_of("S/kvNXezTaajzpKdDg5HNg=="), (trace.clone(), None));
        for both in [
            format!("00-{TRACE}-{SPAN}-01"),
            format!("{TRACE}-{SPAN}-1"),
            format!("{TRACE}-{SPAN}-d-{SPAN}"),
            format!("{TRACE}:f067aa0ba902b7:0:1"),
        ] {
            assert_eq!(ids_of(&both), (trace.clone(), span.clone()), "{both}");
            let reference = Reference::parse(&both).expect("is read");
            assert_eq!(reference.span_in_trace(), reference.span_id());
        }
        assert_eq!(ids_of(&format!("{SPAN}-{SPAN}-1")), (short, span));
        assert_eq!(Reference::parse(SPAN).expect("read").span_in_trace(), None);
        for other in ["order-4711", "00-x-y-01", "4bf92f35-77b3", &"0".repeat(32)] {
            assert_eq!(ids_of(other), (None, None), "{other}");
        }
    }

    #[test]
    fn what_nothing_can_have_is_refused() {
        for text in ["", " \t", "a\0b", &"x".repeat(10_241)] {
            assert!(Reference::parse(text).is_err(), "{text:?}");
        }
    }
}
