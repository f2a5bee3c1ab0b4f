//! Listens on loopback, and serves a bounded number of connections until the server stops.

mod calls;
mod connection;
mod stalled;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use axum::Router;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};

pub use self::connection::Protocol;
use self::connection::{DRAIN, serve_connection};

/// The most connections of a port. Further clients wait in the queue of the operating system until
/// one ends. All ports together stay below [`OPEN_FILES`].
const CONNECTIONS: u32 = 1024;
/// The number of open files that the server asks for, if the operating system allows it.
const OPEN_FILES: u64 = 8192;

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

/// Raises the limit of open files of this process, which may be below the number of connections that
/// the ports allow.
pub(crate) fn allow_open_files() {
    let (soft, hard) = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok(limits) => limits,
        Err(error) => return tracing::warn!(%error, "cannot read the limit of open files"),
    };
    let wanted = hard.min(OPEN_FILES);
    if soft < wanted
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, wanted, hard)
    {
        tracing::warn!(%error, soft, wanted, "cannot raise the limit of open files");
    }
}

/// Serves `app` until `stop` is true, then waits for requests in flight, for at most 10 s.
pub async fn serve(
    listener: TcpListener,
    protocol: Protocol,
    app: Router,
    stop: watch::Receiver<bool>,
) {
    serve_at_most(CONNECTIONS, listener, protocol, app, stop).await;
}

async fn serve_at_most(
    connections: u32,
    listener: TcpListener,
    protocol: Protocol,
    app: Router,
    mut stop: watch::Receiver<bool>,
) {
    let permits = Arc::new(Semaphore::new(connections as usize));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &permits) => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, permit)) => {
                let connection = serve_connection(stream, protocol, app.clone(), stop.clone());
                tokio::spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(error) => {
                // The process has probably no free file descriptors. Wait until connections end.
                tracing::warn!(%error, "cannot accept a connection");
                sleep(Duration::from_millis(200)).await;
            }
        }
    }
    drop(listener);
    // Every permit is back once every connection has ended.
    if timeout(DRAIN, permits.acquire_many(connections))
        .await
        .is_err()
    {
        tracing::warn!("some requests did not finish within {} s", DRAIN.as_secs());
    }
}

/// Accepts a connection once there is a permit for it.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    // Responses are small. Nagle's algorithm would only delay them.
    let _ = stream.set_nodelay(true);
    Ok((stream, permit))
}

#[cfg(test)]
mod tests;
