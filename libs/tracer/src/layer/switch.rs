//! The layer of a tracer that may be off.

use tracing::{Dispatch, Event, Subscriber, span};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::SpanLayer;

/// A [`SpanLayer`], or `None` if the tracer is off.
///
/// An `Option` is a layer too, but it does not forward `on_register_dispatch` (`tracing-subscriber`
/// 0.3.23), so the exporter could not find open spans. This type forwards the methods that
/// [`SpanLayer`] implements. The surrounding filter decides what is enabled.
#[derive(Debug)]
pub(crate) struct Switch(pub(crate) Option<SpanLayer>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Switch {
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        if let Some(layer) = &self.0 {
            Layer::<S>::on_register_dispatch(layer, dispatch);
        }
    }

    fn on_new_span(
        &self,
        attributes: &span::Attributes<'_>,
        id: &span::Id,
        context: Context<'_, S>,
    ) {
        if let Some(layer) = &self.0 {
            layer.on_new_span(attributes, id, context);
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        if let Some(layer) = &self.0 {
            layer.on_record(id, values, context);
        }
    }

    fn on_follows_from(&self, id: &span::Id, follows: &span::Id, context: Context<'_, S>) {
        if let Some(layer) = &self.0 {
            layer.on_follows_from(id, follows, context);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if let Some(layer) = &self.0 {
            layer.on_event(event, context);
        }
    }

    fn on_exit(&self, id: &span::Id, context: Context<'_, S>) {
        if let Some(layer) = &self.0 {
            layer.on_exit(id, context);
        }
    }

    fn on_close(&self, id: span::Id, context: Context<'_, S>) {
        if let Some(layer) = &self.0 {
            layer.on_close(id, context);
        }
    }
}
