//! Manual spans of a front end.

use std::borrow::Cow;
use std::fmt;

use throughline_wire::{AttributeValue, Attributes, Status, semconv};

use crate::{SpanContext, imp};

/// Creates a span builder: `span("add to cart").attribute("product.id", 7).run(work)`.
///
/// The parent is the current span: the one whose [`Traced`](crate::Traced) future or scope runs, else the click or
/// submit being handled, else the page view.
///
/// # Server-Side Rendering
/// On the server nothing is recorded. Futures and closures still run.
pub fn span(name: impl Into<Cow<'static, str>>) -> SpanBuilder {
    SpanBuilder {
        name: name.into(),
        attributes: Attributes::default(),
        parent: None,
    }
}

/// The builder of a span.
#[derive(Debug, Clone)]
#[must_use = "`start`, `run` or `in_scope` starts the span"]
pub struct SpanBuilder {
    name: Cow<'static, str>,
    attributes: Attributes,
    parent: Option<SpanContext>,
}

impl SpanBuilder {
    /// Sets an attribute.
    pub fn attribute(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<AttributeValue>,
    ) -> Self {
        self.attributes.insert(key, value);
        self
    }

    /// Sets the parent. The default is the current span.
    pub fn child_of(mut self, parent: SpanContext) -> Self {
        self.parent = Some(parent);
        self
    }

    /// Begins the span. It ends when it is dropped. It does not become the current span: see
    /// [`ActiveSpan::in_scope`] and [`ActiveSpan::run`].
    pub fn start(self) -> ActiveSpan {
        ActiveSpan(imp::begin(self.name, self.attributes, self.parent))
    }

    /// Begins the span, runs `work` with it as the current span, and ends it.
    pub fn in_scope<T>(self, work: impl FnOnce() -> T) -> T {
        self.start().in_scope(work)
    }
}

/// A span that has begun. It ends when it is dropped.
///
/// At most 512 spans are open at a time. Further spans are not recorded and are counted as dropped,
/// unless the oldest one has been open for ten minutes: it is then sent as unfinished. A span has at
/// most 128 attributes and 128 events, of 48 KiB together; the number of dropped ones is sent.
#[must_use = "a span ends when it is dropped"]
pub struct ActiveSpan(pub(crate) Option<imp::Open>);

impl ActiveSpan {
    /// Returns the ids of the span. `None` on the server, before [`crate::start`], and for a span
    /// that is not recorded.
    pub fn context(&self) -> Option<SpanContext> {
        self.0.map(imp::Open::context)
    }

    /// Sets an attribute.
    pub fn attribute(&self, key: impl Into<Cow<'static, str>>, value: impl Into<AttributeValue>) {
        if let Some(open) = self.0 {
            imp::set(open, key.into(), value.into());
        }
    }

    /// Adds an event with the current time.
    pub fn event(&self, name: impl Into<Cow<'static, str>>) {
        if let Some(open) = self.0 {
            imp::event(open, name.into(), Attributes::default(), None);
        }
    }

    /// Sets the status to error and adds an `exception` event.
    pub fn error(&self, error: &dyn fmt::Display) {
        if let Some(open) = self.0 {
            let message = error.to_string();
            let status = Status::error(message.clone());
            let attributes = Attributes::from_iter([(semconv::EXCEPTION_MESSAGE, message)]);
            let name = Cow::Borrowed(semconv::EVENT_EXCEPTION);
            imp::event(open, name, attributes, Some(status));
        }
    }

    /// Runs `work` with this span as the current one.
    pub fn in_scope<T>(&self, work: impl FnOnce() -> T) -> T {
        let _entered = imp::enter(self.0);
        work()
    }

    /// Ends the span now.
    pub fn end(self) {}
}

impl Drop for ActiveSpan {
    fn drop(&mut self) {
        if let Some(open) = self.0.take() {
            imp::end(open);
        }
    }
}

impl fmt::Debug for ActiveSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ActiveSpan").field(&self.context()).finish()
    }
}
