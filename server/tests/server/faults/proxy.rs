//! A TCP proxy in front of Postgres that can be slow, stall, or cut every connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

/// The proxy. Connections stay open until a method cuts them.
pub(super) struct Proxy {
    state: Arc<State>,
}

struct State {
    upstream: SocketAddr,
    /// The delay before each piece of at most [`PIECE`] bytes, in milliseconds.
    delay_ms: AtomicU64,
    /// Odd while connections are refused. Every change cuts the open ones.
    epoch: watch::Sender<u64>,
    /// The number of stalls. Connections from before the last one are silent.
    stalls: AtomicU64,
}

const PIECE: usize = 16 * 1024;

impl Proxy {
    /// Starts a proxy in front of the Postgres of `url`.
    pub(super) async fn before(url: &str) -> (Self, String) {
        let mut parsed = reqwest::Url::parse(url).expect("a URL");
        let host = parsed.host_str().expect("a host").to_owned();
        let port = parsed.port().unwrap_or(5432);
        let upstream = tokio::net::lookup_host((host, port))
            .await
            .expect("resolves")
            .next()
            .expect("an address");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("bound");
        let state = Arc::new(State {
            upstream,
            delay_ms: AtomicU64::new(0),
            epoch: watch::Sender::new(0),
            stalls: AtomicU64::new(0),
        });
        tokio::spawn(accept(listener, Arc::clone(&state)));
        parsed.set_host(Some("127.0.0.1")).expect("a host");
        parsed.set_port(Some(addr.port())).expect("a port");
        let url = parsed.to_string();
        (Self { state }, url)
    }

    /// Sets the delay of each piece of 16 KiB, in both directions.
    pub(super) fn delay(&self, delay: Duration) {
        let millis = delay.as_millis() as u64;
        self.state.delay_ms.store(millis, Ordering::Relaxed);
    }

    /// Cuts every connection. New ones are accepted.
    pub(super) fn cut(&self) {
        self.state.epoch.send_modify(|epoch| *epoch += 2);
    }

    /// Makes every open connection silent: it stays open, and nothing arrives any more. New ones
    /// work.
    pub(super) fn stall(&self) {
        self.state.stalls.fetch_add(1, Ordering::Relaxed);
    }

    /// Cuts every connection and refuses new ones, or accepts them again.
    pub(super) fn refuse(&self, refuse: bool) {
        self.state
            .epoch
            .send_modify(|epoch| *epoch = (*epoch / 2 + 1) * 2 + u64::from(refuse));
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        if !state.epoch.borrow().is_multiple_of(2) {
            continue;
        }
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let mut epoch = state.epoch.subscribe();
            let Ok(server) = TcpStream::connect(state.upstream).await else {
                return;
            };
            let (client_in, client_out) = client.into_split();
            let (server_in, server_out) = server.into_split();
            tokio::select! {
                () = pass(client_in, server_out, &state) => {}
                () = pass(server_in, client_out, &state) => {}
                _ = epoch.changed() => {}
            }
        });
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    state: &State,
) {
    let opened_at = state.stalls.load(Ordering::Relaxed);
    let mut piece = vec![0; PIECE];
    while let Ok(len @ 1..) = from.read(&mut piece).await {
        let delay = state.delay_ms.load(Ordering::Relaxed);
        if delay > 0 {
            sleep(Duration::from_millis(delay)).await;
        }
        if state.stalls.load(Ordering::Relaxed) != opened_at {
            std::future::pending::<()>().await;
        }
        if to.write_all(&piece[..len]).await.is_err() {
            return;
        }
    }
}
