//! What the page tells the helper once, at the start.

use std::borrow::Cow;

use throughline_wire::{AttributeValue, Attributes, semconv};

/// How to trace this page.
///
/// ```
/// use throughline_browser::Config;
///
/// let config = Config::new("shop-web")
///     .endpoint("http://127.0.0.1:3000")
///     .propagate_to("https://api.example.com");
/// ```
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) resource: Attributes,
    pub(crate) endpoint: Option<String>,
    pub(crate) propagate_to: Vec<String>,
    pub(crate) patch_fetch: bool,
}

impl Config {
    /// Names the front end: its `service.name`.
    pub fn new(service_name: impl Into<Cow<'static, str>>) -> Self {
        let mut resource = Attributes::default();
        resource.insert(semconv::SERVICE_NAME, service_name.into());
        Self {
            resource,
            endpoint: None,
            propagate_to: Vec::new(),
            patch_fetch: true,
        }
    }

    /// The collector's base URL; batches go to `/api/trace-log` below it.
    ///
    /// Default: `<meta name="throughline-endpoint" content="..">`, else the page's own origin. When
    /// it is not a URL nothing is traced.
    #[must_use]
    pub fn endpoint(mut self, base: impl Into<String>) -> Self {
        self.endpoint = Some(base.into());
        self
    }

    /// Lets requests to another origin carry `traceparent`, besides those to the page's own.
    ///
    /// An exact origin, optionally with a path prefix: `https://api.example.com/v1`. That server
    /// must allow the header in its answers to preflights (`Access-Control-Allow-Headers:
    /// traceparent`). What is not a URL matches nothing.
    #[must_use]
    pub fn propagate_to(mut self, origin: impl Into<String>) -> Self {
        self.propagate_to.push(origin.into());
        self
    }

    /// An attribute of the resource, such as `service.version`.
    #[must_use]
    pub fn resource(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<AttributeValue>,
    ) -> Self {
        self.resource.insert(key, value);
        self
    }

    /// Leaves `window.fetch` as it is: only requests of [`crate::client`] are traced.
    #[must_use]
    pub fn without_fetch_patch(mut self) -> Self {
        self.patch_fetch = false;
        self
    }
}
