//! The configuration that the page passes to [`crate::start`].

use std::borrow::Cow;

use throughline_wire::{AttributeValue, Attributes, semconv};

/// The tracing configuration of a page.
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
    /// Creates a configuration for the front end with this `service.name`.
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

    /// Sets the base URL of the collector. Batches go to `/api/trace-log` below it.
    ///
    /// Default: `<meta name="throughline-endpoint" content="..">`, else the page's own origin. If
    /// the value is not a URL, nothing is traced.
    #[must_use]
    pub fn endpoint(mut self, base: impl Into<String>) -> Self {
        self.endpoint = Some(base.into());
        self
    }

    /// Allows requests to another origin to carry `traceparent`. Requests to the page's own origin
    /// always carry it.
    ///
    /// The value is an exact origin with an optional path prefix: `https://api.example.com/v1`.
    /// That server must allow the header in its preflight responses (`Access-Control-Allow-Headers:
    /// traceparent`). A value that is not a URL matches nothing.
    #[must_use]
    pub fn propagate_to(mut self, origin: impl Into<String>) -> Self {
        self.propagate_to.push(origin.into());
        self
    }

    /// Adds an attribute to the resource, such as `service.version`.
    #[must_use]
    pub fn resource(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<AttributeValue>,
    ) -> Self {
        self.resource.insert(key, value);
        self
    }

    /// Leaves `window.fetch` unpatched. Then only requests of [`crate::client`] are traced.
    #[must_use]
    pub fn without_fetch_patch(mut self) -> Self {
        self.patch_fetch = false;
        self
    }
}
