//! Serves one connection as HTTP/1.1 or (for gRPC) HTTP/2. Ends it if its client is silent, and when
//! the server stops.

use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulConnection;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::timeout;
use tower::ServiceExt as _;

use super::calls::Calls;
use super::stalled::NotStalled;

/// The timeout for the head of a request, for the first call of gRPC, and for an idle connection of
/// HTTP/1.1.
pub(super) const HEAD: Duration = Duration::from_secs(30);
/// The timeout for the next call of gRPC. Clients keep their connection between two exports, and
/// connect again when it is closed.
pub(super) const IDLE: Duration = Duration::from_mins(5);
/// The timeout for a client that does not read the response.
const STALL: Duration = Duration::from_secs(30);
/// The timeout for requests in flight when the server ends the connection.
pub(super) const DRAIN: Duration = Duration::from_secs(10);
/// The maximum number of concurrent calls on one HTTP/2 connection.
const STREAMS: u32 = 128;
/// The maximum size of the headers of one call, in bytes.
const HEADER_BYTES: u32 = 16 << 10;
/// The flow-control window of one call, in bytes.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
/// The flow-control window of a connection, in bytes.
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;

/// The protocol of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 without TLS, by prior knowledge, as gRPC clients use it. Also HTTP/1.1, so that a
    /// client on the wrong port gets an explanation.
    Grpc,
}

/// Serves `app` to one client until it disconnects, is silent for too long, or `stop` is true.
pub(super) async fn serve_connection<S>(
    stream: S,
    protocol: Protocol,
    app: Router,
    stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = TokioIo::new(NotStalled::new(stream, STALL));
    match protocol {
        Protocol::Http1 => {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .serve_connection(stream, TowerToHyperService::new(app));
            // The timeout of the head begins with the connection, and after each response.
            drive(connection, stop, core::future::pending()).await;
        }
        Protocol::Grpc => {
            let calls = Calls::new();
            let counted = {
                let calls = calls.clone();
                tower::service_fn(move |request| {
                    let call = calls.begin();
                    let response = app.clone().oneshot(request);
                    async move {
                        let response = response.await;
                        drop(call);
                        response
                    }
                })
            };
            let builder = grpc_builder();
            let connection = builder.serve_connection(stream, TowerToHyperService::new(counted));
            // Hyper has no timeout before the handshake is complete, and none for a client that
            // only answers pings.
            drive(connection, stop, calls.silence(HEAD, IDLE)).await;
        }
    }
}

fn grpc_builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD)
        .keep_alive_timeout(HEAD)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    builder
}

/// Runs the connection. Once `stop` is true or `silence` ends, it waits for the requests in flight,
/// for at most 10 s.
async fn drive<C>(connection: C, mut stop: watch::Receiver<bool>, silence: impl Future<Output = ()>)
where
    C: GracefulConnection<Error: core::fmt::Display>,
{
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        // The server stops too if the sender is gone.
        _ = stop.wait_for(|stop| *stop) => None,
        () = silence => None,
    };
    let ended = if let Some(ended) = ended {
        Ok(ended)
    } else {
        connection.as_mut().graceful_shutdown();
        timeout(DRAIN, connection).await
    };
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection ended early"),
        Err(_) => tracing::debug!("a connection did not end in time"),
    }
}
