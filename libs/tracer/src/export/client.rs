//! The HTTP client of the exporter.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use thiserror::Error;

use super::answer::Answer;

/// Why the endpoint can not be used.
#[derive(Debug, Error)]
pub(crate) enum ClientError {
    #[error("not a URL: {0}")]
    Url(String),
    #[error("neither http nor https")]
    Scheme,
    #[cfg_attr(
        feature = "tls",
        expect(dead_code, reason = "what is missing without the feature")
    )]
    #[error("https needs the feature `tls` of throughline")]
    Tls,
    #[error("the key holds characters that a header can not")]
    Key,
    #[error("{0}")]
    Client(String),
}

/// Posts batches to one collector.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: Url,
    key: Option<HeaderValue>,
}

impl Client {
    /// One request takes no longer.
    const TIMEOUT: Duration = Duration::from_secs(10);

    /// A client for `{endpoint}/api/trace-log`.
    pub(crate) fn new(endpoint: &str, key: Option<&str>) -> Result<Self, ClientError> {
        let whole = format!("{}/api/trace-log", endpoint.trim_end_matches('/'));
        let url = Url::parse(&whole).map_err(|error| ClientError::Url(error.to_string()))?;
        let mut builder = reqwest::Client::builder()
            .timeout(Self::TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("throughline/", env!("CARGO_PKG_VERSION")));
        builder = match url.scheme() {
            "http" => builder,
            "https" => encrypted(builder)?,
            _ => return Err(ClientError::Scheme),
        };
        let key = key
            .map(|key| {
                let mut value = HeaderValue::from_str(key).map_err(|_| ClientError::Key)?;
                value.set_sensitive(true);
                Ok(value)
            })
            .transpose()?;
        let http = builder
            .build()
            .map_err(|error| ClientError::Client(error.to_string()))?;
        Ok(Self { http, url, key })
    }

    /// Sends one batch.
    pub(crate) async fn post(self, body: bytes::Bytes) -> Answer {
        let mut request = self
            .http
            .post(self.url)
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        if let Some(key) = self.key {
            request = request.header("x-throughline-key", key);
        }
        let failed = |error: reqwest::Error| Answer::Later {
            after: None,
            why: chain(&error.without_url()),
        };
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return failed(error),
        };
        let (status, headers) = (response.status(), response.headers().clone());
        match response.bytes().await {
            Ok(body) => Answer::read(status, &headers, &body),
            Err(error) => failed(error),
        }
    }
}

/// What an error says and what lies behind it: reqwest names the cause only there.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Trusts what the operating system trusts. The provider is named here and installed nowhere: the
/// choice for the process is the service's.
#[cfg(feature = "tls")]
fn encrypted(builder: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, ClientError> {
    use std::sync::Arc;

    use rustls_platform_verifier::BuilderVerifierExt;

    let failed = |error: rustls::Error| ClientError::Client(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_platform_verifier()
        .map_err(failed)?
        .with_no_client_auth();
    Ok(builder.tls_backend_preconfigured(config))
}

#[cfg(not(feature = "tls"))]
fn encrypted(_: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, ClientError> {
    Err(ClientError::Tls)
}
