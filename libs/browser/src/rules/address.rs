//! The rules for request URLs: which ones get trace headers, and which parts may be recorded.

/// A URL, as the browser's own parser split it. There is no second parser that could disagree with
/// the one that sends the request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Address {
    /// The origin, `https://shop.example:8443`. It is `null` for schemes without an origin.
    pub(crate) origin: String,
    /// The scheme with its colon, `https:`.
    pub(crate) scheme: String,
    /// The host, `shop.example`.
    pub(crate) host: String,
    /// The port, `8443`. Empty for the default port of the scheme.
    pub(crate) port: String,
    /// The path, `/products/42`.
    pub(crate) path: String,
    /// The query with its `?`, `?page=2`, or empty.
    pub(crate) query: String,
}

/// The trace headers that a request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Propagation {
    /// The request is not recorded: it goes to the collector, or its scheme is not HTTP.
    Ignore,
    /// The request is recorded and gets no header.
    Record,
    /// The request gets `traceparent`.
    Trace,
    /// The request gets `traceparent`, and `baggage` with the session id.
    TraceAndSession,
}

/// The collector, the page's own origin and the other allowed origins.
#[derive(Debug, Clone, Default)]
pub(crate) struct Targets {
    /// The page's origin.
    pub(crate) own: String,
    /// The URL to which batches are posted.
    pub(crate) collector: Address,
    /// Other origins that get `traceparent`, each with a path prefix (`/` for all paths).
    pub(crate) allowed: Vec<Address>,
}

impl Targets {
    /// Decides which headers a request to `address` gets. Whole origins are compared, so an allowed
    /// name inside a path, a query or a longer host never matches.
    pub(crate) fn decide(&self, address: &Address) -> Propagation {
        if !matches!(address.scheme.as_str(), "http:" | "https:") {
            return Propagation::Ignore;
        }
        if address.origin == self.collector.origin && address.path == self.collector.path {
            return Propagation::Ignore;
        }
        if address.origin == self.own {
            return Propagation::TraceAndSession;
        }
        let allows = |allowed: &Address| {
            allowed.origin == address.origin && is_below(&allowed.path, &address.path)
        };
        if self.allowed.iter().any(allows) {
            Propagation::Trace
        } else {
            Propagation::Record
        }
    }
}

/// Reports whether `path` is `prefix` or lies below it, by whole segments.
fn is_below(prefix: &str, path: &str) -> bool {
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Address {
    /// Returns the URL that may be recorded: without the values of the query (keys stay), the user
    /// name, the password and the fragment.
    pub(crate) fn redacted(&self) -> String {
        let mut url = format!("{}{}", self.origin, self.path);
        let pairs = self.query.strip_prefix('?').unwrap_or(&self.query);
        for (at, pair) in pairs.split('&').filter(|pair| !pair.is_empty()).enumerate() {
            url.push(if at == 0 { '?' } else { '&' });
            match pair.split_once('=') {
                Some((key, _)) => {
                    url.push_str(key);
                    url.push('=');
                }
                // A query without `=` may itself be a secret value: an unsubscribe token, a search.
                None => url.push_str("REDACTED"),
            }
        }
        url
    }

    /// Returns the port. It is the default port of the scheme if the URL has none.
    pub(crate) fn port_number(&self) -> Option<u16> {
        match (self.port.as_str(), self.scheme.as_str()) {
            ("", "https:") => Some(443),
            ("", "http:") => Some(80),
            (port, _) => port.parse().ok(),
        }
    }

    /// Returns the path with each id-like segment replaced: `/orders/{id}`. This keeps the number
    /// of distinct span names low.
    pub(crate) fn template(&self) -> String {
        let mut template = String::with_capacity(self.path.len());
        for (at, segment) in self.path.split('/').enumerate() {
            if at > 0 {
                template.push('/');
            }
            template.push_str(if looks_like_id(segment) {
                "{id}"
            } else {
                segment
            });
        }
        template
    }
}

/// Reports whether a segment looks like an id: a number, a UUID, long hexadecimal, a text with `@`,
/// or a long segment with digits.
fn looks_like_id(segment: &str) -> bool {
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    let hexadecimal = segment
        .bytes()
        .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    digits > 0 && (digits == segment.len() || (hexadecimal && segment.len() >= 12))
        || digits > 1 && segment.len() >= 24
        || segment.contains('@')
        || segment.contains("%40")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn address(origin: &str, path: &str, query: &str) -> Address {
        let (scheme, host) = origin.split_once("//").unwrap_or((origin, ""));
        let (host, port) = host.split_once(':').unwrap_or((host, ""));
        Address {
            origin: origin.to_owned(),
            scheme: scheme.to_owned(),
            host: host.to_owned(),
            port: port.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
        }
    }

    fn targets() -> Targets {
        Targets {
            own: "https://shop.example".to_owned(),
            collector: address("https://trace.example", "/api/trace-log", ""),
            allowed: vec![
                address("https://api.example", "/", ""),
                address("https://partner.example:8443", "/v1/", ""),
            ],
        }
    }

    #[test]
    fn only_the_own_origin_and_allowed_origins_get_headers() {
        let decide = |origin, path| targets().decide(&address(origin, path, ""));
        assert_eq!(
            decide("https://shop.example", "/x"),
            Propagation::TraceAndSession
        );
        assert_eq!(decide("https://api.example", "/x"), Propagation::Trace);
        assert_eq!(
            decide("https://partner.example:8443", "/v1/x"),
            Propagation::Trace
        );
        assert_eq!(
            decide("https://partner.example:8443", "/v1"),
            Propagation::Trace
        );
        for (origin, path) in [
            ("http://shop.example", "/"),
            ("https://shop.example:444", "/"),
            ("https://shop.example.evil.example", "/"),
            ("https://evil.example", "/https://api.example/"),
            ("https://partner.example:8443", "/v10"),
            ("https://partner.example:8443", "/"),
        ] {
            assert_eq!(decide(origin, path), Propagation::Record, "{origin}{path}");
        }
    }

    #[test]
    fn an_allowed_origin_inside_a_query_matches_nothing() {
        let address = address("https://evil.example", "/", "?u=https://api.example/");
        assert_eq!(targets().decide(&address), Propagation::Record);
    }

    #[test]
    fn requests_to_the_collector_and_other_schemes_are_not_changed() {
        let decide = |origin, path| targets().decide(&address(origin, path, "?k=1"));
        assert_eq!(
            decide("https://trace.example", "/api/trace-log"),
            Propagation::Ignore
        );
        assert_eq!(
            decide("https://trace.example", "/traces"),
            Propagation::Record
        );
        assert_eq!(decide("data:", "text/plain,x"), Propagation::Ignore);
        let blob = Address {
            scheme: "blob:".to_owned(),
            ..address("https://shop.example", "/uuid", "")
        };
        assert_eq!(targets().decide(&blob), Propagation::Ignore);
    }

    #[test]
    fn query_values_are_redacted_and_keys_kept() {
        let redacted = |query| address("https://a.example", "/p", query).redacted();
        assert_eq!(redacted(""), "https://a.example/p");
        assert_eq!(
            redacted("?token=s3cret&page=2"),
            "https://a.example/p?token=&page="
        );
        assert_eq!(redacted("?s3cret"), "https://a.example/p?REDACTED");
        assert_eq!(redacted("?a=b=c&&d"), "https://a.example/p?a=&REDACTED");
    }

    #[test]
    fn ids_in_paths_are_templated() {
        for (path, template) in [
            ("/", "/"),
            ("/products/42", "/products/{id}"),
            ("/o/0190a4b0-7d6c-7b1a-8f50-3b1f8a9d2c11/pay", "/o/{id}/pay"),
            ("/u/ada@acme.test", "/u/{id}"),
            ("/u/ada%40acme.test", "/u/{id}"),
            ("/v1/feed/", "/v1/feed/"),
            ("/cafe/decade", "/cafe/decade"),
        ] {
            assert_eq!(address("https://a.example", path, "").template(), template);
        }
    }

    #[test]
    fn the_port_defaults_to_that_of_the_scheme() {
        assert_eq!(
            address("https://a.example", "/", "").port_number(),
            Some(443)
        );
        assert_eq!(
            address("http://a.example:3100", "/", "").port_number(),
            Some(3100)
        );
    }

    #[cfg(not(target_family = "wasm"))]
    mod properties {
        use proptest::prelude::*;

        use super::*;

        proptest! {
            #[test]
            fn redaction_removes_every_query_value(value in "[A-Z]{12}", rest in "[a-z=&?]{0,20}") {
                let query = format!("?k={value}&{rest}={value}");
                let url = address("https://a.example", "/p", &query).redacted();
                prop_assert!(!url.contains(&value), "{}", url);
            }

            #[test]
            fn only_an_equal_origin_gets_a_header(origin in "https?://[a-z.:0-9]{1,30}") {
                let own = origin == "https://shop.example";
                let named = origin == "https://api.example";
                let decided = targets().decide(&address(&origin, "/v1/x", ""));
                if !own && !named && origin != "https://partner.example:8443" {
                    prop_assert_eq!(decided, Propagation::Record);
                }
            }

            #[test]
            fn a_template_has_as_many_segments_as_its_path(path in "(/[ -~&&[^/]]{0,30}){1,6}") {
                let template = address("https://a.example", &path, "").template();
                prop_assert_eq!(template.matches('/').count(), path.matches('/').count());
            }
        }
    }
}
