//! An HTTP/1 or HTTP/2 connection, and the requests on it.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use bytes::Bytes;
use http::{HeaderName, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::{Format, grpc};

/// The time without a listening server after which a message is printed.
const UNREACHABLE_UNSAID: Duration = Duration::from_secs(3);
/// The pause between attempts to connect to the server at the start.
const PAUSE: Duration = Duration::from_millis(200);

/// The address and the format of the requests.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) authority: String,
    pub(super) format: Format,
    gzip: bool,
}

impl Target {
    /// Parses the origin of the server. Only plain HTTP is supported.
    pub(super) fn parse(url: &str, format: Format, gzip: bool) -> Result<Self> {
        let uri: Uri = url.parse().map_err(|_| anyhow!("{url:?} is no URL"))?;
        let (Some("http"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            bail!("{url:?} does not begin with http://");
        };
        let port = authority.port_u16().unwrap_or(80);
        Ok(Self {
            authority: format!("{}:{port}", authority.host()),
            format,
            gzip,
        })
    }

    /// Waits until a server listens at the address. Prints a message if that takes long.
    ///
    /// # Errors
    /// No server listened within `timeout`.
    pub(super) async fn wait_until_reachable(&self, timeout: Duration) -> Result<()> {
        let began = Instant::now();
        let mut is_said = false;
        loop {
            let Err(error) = TcpStream::connect(&self.authority).await else {
                return Ok(());
            };
            let waited = began.elapsed();
            if waited + PAUSE > timeout {
                bail!("cannot connect to {}: {error}", self.authority);
            }
            if waited > UNREACHABLE_UNSAID && !core::mem::replace(&mut is_said, true) {
                eprintln!(
                    "throughline: cannot connect to {} ({error}); trying for {} s in all",
                    self.authority,
                    timeout.as_secs()
                );
            }
            sleep(PAUSE).await;
        }
    }

    fn request(&self, body: Bytes) -> Result<Request<Full<Bytes>>, http::Error> {
        let (path, content_type) = match self.format {
            Format::Native => ("/api/trace-log", "application/json"),
            Format::OtlpProtobuf => ("/v1/traces", "application/x-protobuf"),
            Format::OtlpJson => ("/v1/traces", "application/json"),
            Format::OtlpGrpc => (grpc::PATH, "application/grpc"),
        };
        let mut request = Request::builder()
            .method(Method::POST)
            .header(header::CONTENT_TYPE, content_type);
        let encoding = if self.format == Format::OtlpGrpc {
            // HTTP/2 has the host in the URI.
            request = request
                .uri(format!("http://{}{path}", self.authority))
                .header(header::TE, "trailers");
            HeaderName::from_static("grpc-encoding")
        } else {
            request = request.uri(path).header(header::HOST, &self.authority);
            header::CONTENT_ENCODING
        };
        if self.gzip {
            request = request.header(encoding, "gzip");
        }
        request.body(Full::new(body))
    }
}

/// An open connection.
pub(super) enum Connection {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

/// A response, with its body read.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<Duration>,
    pub(super) bytes: Bytes,
}

impl Connection {
    pub(super) async fn open(target: &Target) -> Result<Self> {
        let stream = TcpStream::connect(&target.authority).await?;
        stream.set_nodelay(true)?;
        let stream = TokioIo::new(stream);
        // A connection task ends when its sender is dropped. The sender reports the task's errors
        // too.
        if target.format == Format::OtlpGrpc {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
            tokio::spawn(connection);
            return Ok(Self::Two(sender));
        }
        let (sender, connection) = http1::handshake(stream).await?;
        tokio::spawn(connection);
        Ok(Self::One(sender))
    }

    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::One(sender) => sender.is_closed(),
            Self::Two(sender) => sender.is_closed(),
        }
    }

    pub(super) async fn send(&mut self, target: &Target, body: Bytes) -> Result<Answer> {
        let request = target.request(body)?;
        let answer = match self {
            Self::One(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Self::Two(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let (head, body) = answer.into_parts();
        let retry_after = head
            .headers
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let body = body.collect().await?;
        let (mut status, trailers) = (head.status, body.trailers().cloned());
        let mut bytes = body.to_bytes();
        if target.format == Format::OtlpGrpc {
            status = grpc::status(&head.headers, trailers.as_ref());
            bytes = Bytes::copy_from_slice(grpc::content(&bytes));
        }
        Ok(Answer {
            status,
            retry_after,
            bytes,
        })
    }
}
