//! The configuration that the page passes to [`crate::start`].

use std::borrow::Cow;

use throughline_wire::{AttributeValue, Attributes, semconv};

/// The default of [`Config::unload_budget`], in bytes: half of the quota that browsers have for all
/// keepalive requests and beacons of a page (Fetch standard, "HTTP-network-or-cache fetch").
pub(crate) const UNLOAD_BUDGET_BYTES: usize = 32 * 1024;

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
    pub(crate) unload_budget_bytes: usize,
    pub(crate) bare: Vec<String>,
    pub(crate) sends_session: bool,
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
            unload_budget_bytes: UNLOAD_BUDGET_BYTES,
            bare: Vec::new(),
            sends_session: true,
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
    /// carry it unless [`Config::without_headers_for`] excludes them.
    ///
    /// The value is an exact origin with an optional path prefix: `https://api.example.com/v1`.
    /// That server must allow the header in its preflight responses (`Access-Control-Allow-Headers:
    /// traceparent`). A value that is not a URL matches nothing.
    #[must_use]
    pub fn propagate_to(mut self, origin: impl Into<String>) -> Self {
        self.propagate_to.push(origin.into());
        self
    }

    /// Leaves requests to `url` and below it without `traceparent` and `baggage`. They are still
    /// traced in the browser.
    ///
    /// Use it for URLs of your server that redirect to another origin, such as downloads from an
    /// object store and logins. A browser that follows a redirect sends these headers to the other
    /// origin too, where they cause a preflight: if that origin does not allow them
    /// (`Access-Control-Allow-Headers: traceparent, baggage`), the request fails, although it works
    /// without the tracer. And the other origin learns the trace id and the id of the session. The
    /// page cannot see a redirect before it happens, so the tracer cannot decide by itself.
    ///
    /// The value is a URL, relative to the page or absolute, whose path is a prefix by whole
    /// segments: `/download` covers `/download/42` but not `/downloads`. It comes before
    /// [`Config::propagate_to`]. A value that is not a URL matches nothing.
    ///
    /// Default: none.
    #[must_use]
    pub fn without_headers_for(mut self, url: impl Into<String>) -> Self {
        self.bare.push(url.into());
        self
    }

    /// Never sends `baggage: session.id`. Then spans of your servers have no `session.id` from the
    /// page; the spans of the page itself keep it.
    ///
    /// By default, requests to the page's own origin carry it, and follow redirects with it: see
    /// [`Config::without_headers_for`].
    #[must_use]
    pub fn without_session_baggage(mut self) -> Self {
        self.sends_session = false;
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

    /// Sets the bytes that the tracer may send while the page is hidden or left, until responses
    /// arrive.
    ///
    /// Browsers send at most 64 KiB for a page that is left, and refuse further beacons and `fetch`
    /// calls with `keepalive`. The budget leaves the rest to the beacons of the page. Spans beyond
    /// it stay in the queue. If the page does not return, they are lost, and the collector knows
    /// how many. All other requests of the tracer are without `keepalive` and take nothing of
    /// this quota.
    ///
    /// Default: 32 KiB (32,768). A value over 60 KiB is cut to 60 KiB. With 0, nothing is sent when
    /// the page is left.
    #[must_use]
    pub fn unload_budget(mut self, bytes: usize) -> Self {
        self.unload_budget_bytes = bytes;
        self
    }

    /// Leaves `window.fetch` unpatched. Then only requests of [`crate::client`] are traced.
    #[must_use]
    pub fn without_fetch_patch(mut self) -> Self {
        self.patch_fetch = false;
        self
    }
}
