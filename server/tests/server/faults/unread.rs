//! Clients that request large responses and do not read them.

use reqwest::StatusCode;
use throughline_store::testing::FreshDatabase;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::conservation::{check_memory, check_reads};
use crate::program::Program;
use crate::support::{Coding, Receiver, client, fetch, hex, span, text};

/// The number of clients that do not read.
const CLIENTS: usize = 40;

/// Stores a trace whose page has the largest size. Returns its id.
async fn store_large_trace(server: &Program) -> String {
    let first = span("large");
    for n in 0..12_u8 {
        let mut span = span("large");
        span.trace_id.clone_from(&first.trace_id);
        let value = char::from(b'a' + n).to_string().repeat(900_000);
        span.attributes.push(text("body", &value));
        let body = Coding::Gzip.encode(&Receiver::OtlpProtobuf.body(&[span]));
        let request = client()
            .post(format!("{}/v1/traces", server.base))
            .header("content-type", Receiver::OtlpProtobuf.content_type())
            .header("content-encoding", "gzip");
        let answer = request.body(body).send().await.expect("answers");
        assert_eq!(answer.status(), StatusCode::OK);
    }
    hex(&first.trace_id)
}

/// Requests `path` with a small receive buffer.
async fn ask(host: &str, path: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a size");
    let address = host.parse().expect("an address");
    let mut stream = socket.connect(address).await.expect("connects");
    let head = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream
}

/// Reads only the status of the response.
async fn status(stream: &mut TcpStream) -> String {
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.expect("an answer");
    String::from_utf8_lossy(&head).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_read_responses_stay_within_the_memory_limit() {
    let database = FreshDatabase::create().await;
    let server = Program::serve_on(database.url(), &[]).await;
    let host = server.base.trim_start_matches("http://");
    let trace = format!("/api/admin/traces/{}", store_large_trace(&server).await);
    for path in [trace.clone(), format!("{trace}?format=otlp")] {
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            clients.push(ask(host, &path).await);
        }
        let mut refused = 0;
        for client in &mut clients {
            match status(client).await.as_str() {
                "HTTP/1.1 200" => {}
                "HTTP/1.1 503" => refused += 1,
                other => panic!("{other}"),
            }
        }
        let peak = check_memory(server.pid());
        println!("{CLIENTS} clients that read no {path}: {refused} refused, peak {peak} KiB");
        assert!(refused > 0, "every answer is held");
        // Lists do not wait for the large responses.
        check_reads(&server.base).await;
        drop(clients);
        let answer = fetch(format!("{}{path}", server.base)).await;
        let answer = answer.expect("answers");
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(answer.bytes().await.expect("whole").len() > 900_000);
    }
    check_memory(server.pid());
    assert!(server.stop().await.success());
}
