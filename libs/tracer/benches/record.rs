//! Measures the cost of recording one span on the recording thread, compared with `tracing` without
//! a subscriber.
//!
//! Fixed work: 10,000 spans with three attributes, which fit into the queue, then a flush that is
//! not measured. Runs 41 rounds of all settings in turn. The median is the result, so that a round
//! disturbed by other work does not count.

use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use throughline::{Mode, Tracer};
use tracing::dispatcher::{Dispatch, with_default};
use tracing_subscriber::layer::SubscriberExt;

const SPANS: u64 = 10_000;
const ROUNDS: usize = 41;

fn main() {
    let sink = sink();
    let tracer = |mode| {
        let builder = Tracer::builder("bench").endpoint(format!("http://{sink}"));
        builder.mode(mode).build().expect("a tracer")
    };
    let (on, unsampled, off) = (
        tracer(Mode::Dev),
        tracer(Mode::Sampled(0.0)),
        tracer(Mode::Off),
    );
    let listening =
        |tracer: &Tracer| Dispatch::new(tracing_subscriber::registry().with(tracer.layer()));
    // Created for each round: `tracing` asks every live subscriber of the process, so a second one
    // would slow down the others.
    let settings: [(&str, &dyn Fn() -> Dispatch); 5] = [
        ("no subscriber", &Dispatch::none),
        ("tracer off", &|| listening(&off)),
        ("registry alone", &|| {
            Dispatch::new(tracing_subscriber::registry())
        }),
        ("tracer on, not sampled", &|| listening(&unsampled)),
        ("tracer on, recorded", &|| listening(&on)),
    ];
    let mut rounds = vec![Vec::new(); settings.len()];
    // The first round warms up and is not counted.
    for round in 0..=ROUNDS {
        for (at, (_, dispatch)) in settings.iter().enumerate() {
            let cost = with_default(&dispatch(), record_spans);
            if round > 0 {
                rounds[at].push(cost);
            }
            wait_for(&on);
        }
    }
    println!("{:<26}{:>12}", "one span, 3 attributes", "ns");
    for ((name, _), mut costs) in settings.iter().zip(rounds) {
        costs.sort_unstable();
        println!(
            "{name:<26}{:>12.1}",
            costs[ROUNDS / 2] as f64 / SPANS as f64
        );
    }
    let stats = on.stats();
    assert!(
        stats.dropped.is_empty(),
        "a full queue would flatter: {stats:?}"
    );
}

/// Returns the nanoseconds that recording [`SPANS`] spans takes.
fn record_spans() -> u128 {
    let started = Instant::now();
    for turn in 0..SPANS {
        let span = tracing::info_span!("work", shop.order = turn, shop.total = 12.5, user = "ada");
        span.in_scope(|| black_box(turn));
    }
    started.elapsed().as_nanos()
}

fn wait_for(tracer: &Tracer) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let flushed = runtime
        .expect("a runtime")
        .block_on(tracer.flush(Duration::from_mins(1)));
    assert!(flushed.is_complete());
}

/// A collector that reads all requests and stores nothing.
fn sink() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || swallow(stream));
        }
    });
    address
}

fn swallow(mut stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            if line == "\r\n" {
                break;
            }
        }
        std::io::copy(&mut (&mut reader).take(length), &mut std::io::sink()).ok()?;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .ok()?;
    }
}
