//! A trace context that outlives the request: in the row of a job, in an event or in a message.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use throughline_wire::Attributes;
use throughline_wire::w3c::{Baggage, TraceParent, TraceState};

use crate::context::{PropagatedHeaders, SpanContext, copy_user_and_session};
use crate::layer::current;
use crate::layer::settings::{SpanSettings, start_with};

/// A serialised trace context: `{"traceparent": ..., "tracestate": ..., "baggage": ...}`, without
/// the empty fields. Store it with a job, so that the job continues the trace. A job with an empty
/// or unreadable carrier starts a trace of its own.
///
/// ```
/// use throughline::Carrier;
///
/// // Where the job is queued:
/// let column = serde_json::to_value(Carrier::current())?;
/// // Where it runs:
/// let carrier: Carrier = serde_json::from_value(column)?;
/// let span = carrier.job("send-confirmation").queue("jobs").attempt(1, 5).start();
/// # drop(span);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Carrier {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tracestate: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    baggage: Option<String>,
}

impl Carrier {
    /// Returns the context of the current span; empty outside of spans or if tracing is off.
    pub fn current() -> Self {
        current::with(|active| {
            let text = |text: &String| (!text.is_empty()).then(|| text.clone());
            let propagated = active.propagated.as_deref();
            Self {
                traceparent: Some(active.context.traceparent().to_string()),
                tracestate: propagated.and_then(|propagated| text(&propagated.trace_state)),
                baggage: propagated.and_then(|propagated| text(&propagated.baggage)),
            }
        })
        .unwrap_or_default()
    }

    /// Creates a carrier from the headers of a message. `field` returns the header of that name, or
    /// `None` if it is missing.
    pub fn from_fields<'a>(field: impl Fn(&str) -> Option<&'a str>) -> Self {
        let field = |name| field(name).map(str::to_owned);
        Self {
            traceparent: field("traceparent"),
            tracestate: field("tracestate"),
            baggage: field("baggage"),
        }
    }

    /// Returns the span that the trace continues from; `None` if the carrier is empty or
    /// unreadable.
    pub fn context(&self) -> Option<SpanContext> {
        let parent = TraceParent::parse(self.traceparent.as_deref()?).ok()?;
        Some(parent.into())
    }

    /// Creates the first span of a task that continues this trace. `make` calls the span macro.
    ///
    /// ```
    /// # let carrier = throughline::Carrier::default();
    /// let span = carrier.continue_in(|| tracing::info_span!("import", file = "prices.csv"));
    /// ```
    pub fn continue_in(&self, make: impl FnOnce() -> tracing::Span) -> tracing::Span {
        start_with(self.settings(), make)
    }

    /// Returns the start of a span with this parent and the user attributes of the baggage.
    pub(crate) fn settings(&self) -> SpanSettings {
        let mut attributes = Attributes::default();
        let (parent, propagated) = self.parent(&mut attributes);
        SpanSettings {
            parent,
            propagated,
            attributes,
            ..SpanSettings::default()
        }
    }

    fn parent(
        &self,
        attributes: &mut Attributes,
    ) -> (Option<SpanContext>, Option<Arc<PropagatedHeaders>>) {
        let parent = self.context();
        let baggage = Baggage::parse(self.baggage.as_deref().unwrap_or_default());
        copy_user_and_session(&baggage, attributes);
        // A `tracestate` without a readable parent must be ignored (Trace Context 3.3).
        let state = self
            .tracestate
            .as_deref()
            .filter(|_| parent.is_some())
            .and_then(|state| TraceState::parse(state).ok());
        (parent, PropagatedHeaders::new(state.as_ref(), &baggage))
    }
}
