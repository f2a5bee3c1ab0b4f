//! The connection to the collector: plain HTTP, or TLS with the feature `tls`.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
#[cfg(feature = "tls")]
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::ClientError;

/// A pool of connections to one collector. Clones share the pool.
#[derive(Debug, Clone)]
pub(super) enum Connection {
    Plain(Client<HttpConnector, Full<Bytes>>),
    #[cfg(feature = "tls")]
    Encrypted(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

/// The response of a collector, before its body is read.
type Incoming = Response<hyper::body::Incoming>;

impl Connection {
    pub(super) fn plain() -> Self {
        Self::Plain(Client::builder(TokioExecutor::new()).build_http())
    }

    /// Creates a TLS connection that trusts the certificates of the operating system. The crypto
    /// provider is used only here and not installed for the process: that choice belongs to the
    /// service.
    #[cfg(feature = "tls")]
    pub(super) fn encrypted() -> Result<Self, ClientError> {
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_platform_verifier(rustls::crypto::ring::default_provider())
            .map_err(|error| ClientError::Tls(error.to_string()))?
            .https_only()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self::Encrypted(client))
    }

    #[cfg(not(feature = "tls"))]
    pub(super) const fn encrypted() -> Result<Self, ClientError> {
        Err(ClientError::Tls)
    }

    /// Sends a request. The error text includes the causes.
    pub(super) async fn request(&self, request: Request<Full<Bytes>>) -> Result<Incoming, String> {
        let response = match self {
            Self::Plain(client) => client.request(request).await,
            #[cfg(feature = "tls")]
            Self::Encrypted(client) => client.request(request).await,
        };
        response.map_err(|error| chain(&error))
    }
}

/// Returns the text of an error and of all its causes, down to the system error.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
