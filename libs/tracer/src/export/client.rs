//! The HTTP client of the exporter: HTTP/1.1 over one connection.

mod connection;

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Request, Uri};
use http_body_util::{BodyExt, Collected, Full, Limited};
use thiserror::Error;
use tokio::time::timeout;

use super::answer::Answer;
use connection::Connection;

/// The reason why the endpoint cannot be used.
#[derive(Debug, Error)]
pub(crate) enum ClientError {
    #[error("not a URL: {0}")]
    Url(String),
    #[error("neither http nor https")]
    Scheme,
    #[cfg(not(feature = "tls"))]
    #[error("https needs the feature `tls` of the crate throughline")]
    Tls,
    #[cfg(feature = "tls")]
    #[error("cannot set up TLS: {0}")]
    Tls(String),
    #[error("the key contains characters that are not allowed in a header")]
    Key,
}

/// A client that posts batches to one collector.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    connection: Connection,
    uri: Uri,
    key: Option<HeaderValue>,
}

impl Client {
    /// The timeout of one request.
    const TIMEOUT: Duration = Duration::from_secs(10);
    /// The maximum length of a response body, in bytes.
    const MOST_ANSWER: usize = 1 << 20;

    /// Creates a client for `{endpoint}/api/trace-log`.
    pub(crate) fn new(endpoint: &str, key: Option<&str>) -> Result<Self, ClientError> {
        let whole = format!("{}/api/trace-log", endpoint.trim().trim_end_matches('/'));
        let uri: Uri = whole
            .parse()
            .map_err(|error: http::uri::InvalidUri| ClientError::Url(error.to_string()))?;
        let connection = match uri.scheme_str() {
            Some("http") => Connection::plain(),
            Some("https") => Connection::encrypted()?,
            _ => return Err(ClientError::Scheme),
        };
        let key = key
            .map(|key| {
                let mut value = HeaderValue::from_str(key).map_err(|_| ClientError::Key)?;
                value.set_sensitive(true);
                Ok(value)
            })
            .transpose()?;
        Ok(Self {
            connection,
            uri,
            key,
        })
    }

    /// Sends one batch and returns the outcome.
    pub(crate) async fn post(self, body: Bytes) -> Answer {
        match timeout(Self::TIMEOUT, self.attempt(body)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(why)) => Answer::Later { after: None, why },
            Err(_) => Answer::Later {
                after: None,
                why: format!(
                    "the collector did not respond within {} s",
                    Self::TIMEOUT.as_secs()
                ),
            },
        }
    }

    async fn attempt(self, body: Bytes) -> Result<Answer, String> {
        let mut request = Request::post(self.uri)
            .header(CONTENT_TYPE, "application/json")
            .header(
                USER_AGENT,
                concat!("throughline/", env!("CARGO_PKG_VERSION")),
            );
        if let Some(key) = self.key {
            request = request.header("x-throughline-key", key);
        }
        let request = request
            .body(Full::new(body))
            .map_err(|error| error.to_string())?;
        let response = self.connection.request(request).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, Self::MOST_ANSWER).collect().await;
        // The status decides; a truncated body only loses details.
        let body = body.map(Collected::to_bytes).unwrap_or_default();
        Ok(Answer::read(head.status, &head.headers, &body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_http_address_with_or_without_a_path() {
        for (endpoint, uri) in [
            (
                "http://127.0.0.1:3000",
                "http://127.0.0.1:3000/api/trace-log",
            ),
            ("http://host/traces/", "http://host/traces/api/trace-log"),
        ] {
            let client = Client::new(endpoint, None).expect("usable");
            assert_eq!(client.uri.to_string(), uri);
        }
        for endpoint in ["", "nonsense", "ftp://host", "http://", "http://a b"] {
            assert!(Client::new(endpoint, None).is_err(), "{endpoint}");
        }
        let key = Client::new("http://host", Some("two\nlines"));
        assert!(matches!(key, Err(ClientError::Key)));
    }

    #[cfg(feature = "tls")]
    #[test]
    fn https_works_without_a_default_crypto_provider() {
        assert!(rustls::crypto::CryptoProvider::get_default().is_none());
        Client::new("https://host", None).expect("usable");
        assert!(rustls::crypto::CryptoProvider::get_default().is_none());
    }
}
