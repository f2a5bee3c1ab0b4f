//! Listens on loopback, serves HTTP/1.1 and (for gRPC) HTTP/2, and drains connections at the end.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Result, bail};
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::stalled::NotStalled;

/// The timeout for the head of a request, and for an idle connection.
const HEAD: Duration = Duration::from_secs(30);
/// The timeout for a client that does not read the response.
const STALL: Duration = Duration::from_secs(30);
/// The timeout for requests in flight when the server stops.
const DRAIN: Duration = Duration::from_secs(10);
/// The maximum number of concurrent calls on one HTTP/2 connection.
const STREAMS: u32 = 128;
/// The maximum size of the headers of one call, in bytes.
const HEADER_BYTES: u32 = 16 << 10;
/// The flow-control window of one call, in bytes.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
/// The flow-control window of a connection, in bytes.
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;

type Stream = NotStalled<TcpStream>;

/// Binds `addr`. `option` is the option that sets it, for the error message.
///
/// # Errors
/// An error for the person who started the program: the address is not loopback, or is in use.
pub async fn bind(addr: SocketAddr, option: &str) -> Result<TcpListener> {
    check_loopback(addr.ip(), option)?;
    match TcpListener::bind(addr).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => bail!(
            "{addr} is in use by another program, perhaps another throughline; stop it, or choose \
             another address with {option}"
        ),
        Err(error) => bail!("cannot listen on {addr}: {error}; choose another with {option}"),
    }
}

/// Rejects an address that is not loopback. `option` is the option that sets it.
///
/// # Errors
/// An error with the reason and the remedy.
pub fn check_loopback(ip: IpAddr, option: &str) -> Result<()> {
    if ip.is_loopback() {
        return Ok(());
    }
    bail!(
        "{option} {ip} is reachable from other machines, and throughline has no sign-in yet: \
         anyone could read every trace. Listen on 127.0.0.1 (or ::1) and use an SSH tunnel (ssh -L \
         3000:127.0.0.1:3000 this-machine), or run a reverse proxy with its own sign-in on this \
         machine"
    )
}

/// The protocol of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 without TLS, by prior knowledge, as gRPC clients use it. Also HTTP/1.1, so that a
    /// client on the wrong port gets an explanation.
    Grpc,
}

/// Serves `app` until `stop` is true, then waits for requests in flight, for at most 10 s.
pub async fn serve(
    listener: TcpListener,
    protocol: Protocol,
    app: Router,
    mut stop: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, _)) => {
                // Responses are small. Nagle's algorithm would only delay them.
                let _ = stream.set_nodelay(true);
                let stream = NotStalled::new(stream, STALL);
                match protocol {
                    Protocol::Http1 => serve_http1(stream, app.clone(), &graceful),
                    Protocol::Grpc => serve_grpc(stream, app.clone(), &graceful),
                }
            }
            Err(error) => {
                // The process has probably no free file descriptors. Wait until connections end.
                tracing::warn!(%error, "cannot accept a connection");
                sleep(Duration::from_millis(200)).await;
            }
        }
    }
    drop(listener);
    if timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish within {} s", DRAIN.as_secs());
    }
}

fn serve_http1(stream: Stream, app: Router, graceful: &GracefulShutdown) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended early");
        }
    });
}

fn serve_grpc(stream: Stream, app: Router, graceful: &GracefulShutdown) {
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
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let connection = graceful.watch(connection.into_owned());
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a gRPC connection ended early");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_not_loopback_are_rejected_with_a_remedy() {
        for ip in ["0.0.0.0", "192.168.1.2", "::", "::ffff:127.0.0.1"] {
            let error = check_loopback(ip.parse().expect("an address"), "--addr");
            let message = error.expect_err("refused").to_string();
            assert!(message.contains("no sign-in yet"), "{message}");
            assert!(message.contains("SSH tunnel"), "{message}");
        }
        for ip in ["127.0.0.1", "127.8.9.1", "::1"] {
            check_loopback(ip.parse().expect("an address"), "--addr").expect("loopback");
        }
    }
}
