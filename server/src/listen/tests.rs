//! Silent clients of each protocol, slow clients that live, and more clients than a port serves.

use std::net::Ipv4Addr;
use std::time::Duration;

use axum::routing::{get, post};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex, split};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::connection::{HEAD, IDLE};
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

/// The time that the slow response takes.
const SLOW: Duration = Duration::from_mins(20);

fn app() -> Router {
    let slow = get(async || {
        sleep(SLOW).await;
        "slow"
    });
    Router::new()
        .route("/", get(async || "quick"))
        .route("/slow", slow)
        .route("/large", get(async || vec![b'x'; 1 << 20]))
        .route("/body", post(async |body: String| body))
}

/// Returns the client's end of a connection, and the task that serves it.
fn connect(protocol: Protocol) -> (DuplexStream, JoinHandle<()>) {
    let (client, stream) = duplex(64 << 10);
    let task = tokio::spawn(async move {
        let (_stop, stopping) = watch::channel(false);
        serve_connection(stream, protocol, app(), stopping).await;
    });
    (client, task)
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:method GET`, `:scheme http` and `:authority x` in HPACK.
const GET: &[u8] = &[0x82, 0x86, 0x41, 1, b'x'];
/// The setting that lets the server send nothing of a response.
const NO_WINDOW: &[u8] = &[0, 4, 0, 0, 0, 0];

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("small").to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags, 0, 0, 0, stream]);
    frame.extend(payload);
    frame
}

fn hello(settings: &[u8]) -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, settings)].concat()
}

/// Returns the header block of a request without body.
fn block(path: &str) -> Vec<u8> {
    let length = u8::try_from(path.len()).expect("short");
    [GET, &[0x04, length], path.as_bytes()].concat()
}

fn call(stream: u8, path: &str) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(path))
}

/// Reads frames until the server closes the connection, and answers its pings. Sends a ping every 10
/// s, and what comes from `messages`. Reports each frame with data to `data`.
async fn live_client(
    client: DuplexStream,
    mut messages: mpsc::Receiver<Vec<u8>>,
    data: mpsc::UnboundedSender<Vec<u8>>,
) {
    let (mut read, mut write) = split(client);
    let (answer, mut answers) = mpsc::channel::<Vec<u8>>(8);
    let writing = tokio::spawn(async move {
        loop {
            let bytes = tokio::select! {
                Some(bytes) = answers.recv() => bytes,
                Some(bytes) = messages.recv() => bytes,
                () = sleep(Duration::from_secs(10)) => frame(PING, 0, 0, b"any time"),
            };
            if write.write_all(&bytes).await.is_err() {
                break;
            }
        }
    });
    let mut head = [0; 9];
    while read.read_exact(&mut head).await.is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        if read.read_exact(&mut payload).await.is_err() {
            break;
        }
        match (head[3], head[4]) {
            (PING, 0) => drop(answer.send(frame(PING, ACK, 0, &payload)).await),
            (SETTINGS, 0) => drop(answer.send(frame(SETTINGS, ACK, 0, b"")).await),
            (DATA, _) if length > 0 => drop(data.send(payload)),
            _ => {}
        }
    }
    writing.abort();
}

/// Waits until the server has closed the connection: much longer than any timeout.
async fn check_closed(task: JoinHandle<()>, case: &str) {
    let ended = timeout(2 * IDLE + HEAD, task).await;
    ended
        .unwrap_or_else(|_| panic!("{case}: still open"))
        .expect("runs");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_sending_is_disconnected_by_every_protocol() {
    let request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    let body = b"POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
    for protocol in [Protocol::Http1, Protocol::Grpc] {
        for sent in [
            &b""[..],
            b"G",
            b"P",
            b"GET / HT",
            b"GET / HTTP/1.1\r\nhost: x\r\n",
            request,
            body,
            &[&request[..], b"GET / HTTP/1.1\r\nho"].concat(),
        ] {
            let (mut client, task) = connect(protocol);
            client.write_all(sent).await.expect("sent");
            check_closed(task, &format!("{protocol:?}: {sent:?}")).await;
        }
    }
    let half = block("/");
    for sent in [
        &PREFACE[..12],
        PREFACE,
        &[PREFACE, &[0, 0, 0]].concat(),
        &hello(b""),
        &[hello(b""), frame(HEADERS, END_STREAM, 1, &half[..3])].concat(),
        &[
            hello(b""),
            frame(HEADERS, END_STREAM, 1, &half[..3]),
            frame(CONTINUATION, 0, 1, &half[3..]),
        ]
        .concat(),
        &[hello(b""), call(1, "/")].concat(),
        &[hello(NO_WINDOW), call(1, "/large")].concat(),
    ] {
        let (mut client, task) = connect(Protocol::Grpc);
        client.write_all(sent).await.expect("sent");
        check_closed(task, &format!("HTTP/2: {sent:?}")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_only_answers_pings_is_disconnected() {
    for (case, sent) in [
        ("no call", hello(b"")),
        ("one call", [hello(b""), call(1, "/")].concat()),
        (
            "a response that is not read",
            [hello(NO_WINDOW), call(1, "/large")].concat(),
        ),
    ] {
        let (client, task) = connect(Protocol::Grpc);
        let (send, messages) = mpsc::channel(1);
        send.send(sent).await.expect("a client");
        let (data, _read) = mpsc::unbounded_channel();
        let client = tokio::spawn(live_client(client, messages, data));
        check_closed(task, case).await;
        client.await.expect("runs");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_with_pauses_between_them_and_slow_calls_are_answered() {
    let (client, _task) = connect(Protocol::Grpc);
    let (send, messages) = mpsc::channel(1);
    let (data, mut read) = mpsc::unbounded_channel();
    tokio::spawn(live_client(client, messages, data));
    send.send(hello(b"")).await.expect("open");
    for (stream, path) in [(1, "/"), (3, "/"), (5, "/slow"), (7, "/slow"), (9, "/")] {
        sleep(if stream == 1 { HEAD / 2 } else { IDLE / 2 }).await;
        send.send(call(stream, path)).await.expect("open");
        let answer = read.recv().await.expect("a response");
        assert_eq!(answer, if path == "/" { &b"quick"[..] } else { b"slow" });
    }
}

#[tokio::test(start_paused = true)]
async fn slow_heads_bodies_and_responses_of_http_1_are_served() {
    for protocol in [Protocol::Http1, Protocol::Grpc] {
        let (mut client, _task) = connect(protocol);
        for (request, end) in [
            ("GET / HTTP/1.1\r\nhost: x\r\n\r\n", "quick"),
            ("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n", "slow"),
            (
                "POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbody",
                "body",
            ),
        ] {
            let pause = HEAD / 2 / u32::try_from(request.len()).expect("short");
            for byte in request.bytes() {
                sleep(pause).await;
                client.write_u8(byte).await.expect("open");
            }
            let mut answer = Vec::new();
            while !answer.ends_with(end.as_bytes()) {
                answer.push(client.read_u8().await.expect("a response"));
            }
        }
    }
}

#[tokio::test]
async fn a_client_beyond_the_limit_is_served_when_another_one_leaves() {
    for protocol in [Protocol::Http1, Protocol::Grpc] {
        let listener = bind((Ipv4Addr::LOCALHOST, 0).into(), "--addr").await;
        let listener = listener.expect("a port");
        let addr = listener.local_addr().expect("bound");
        let (stop, stopping) = watch::channel(false);
        let served = tokio::spawn(serve_at_most(2, listener, protocol, app(), stopping));
        let ask = async || {
            let mut stream = TcpStream::connect(addr).await.expect("connects");
            let request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
            stream.write_all(request).await.expect("sent");
            stream
        };
        let (first, mut second) = (ask().await, ask().await);
        second.read_u8().await.expect("served");
        let mut third = ask().await;
        let early = timeout(Duration::from_millis(100), third.read_u8()).await;
        assert!(early.is_err(), "{protocol:?}: {early:?}");
        drop(first);
        third.read_u8().await.expect("served");
        stop.send_replace(true);
        served.await.expect("ends");
    }
}
