//! Tests of the memory of a service whose collector is away. Runs in a process of its own, because
//! it measures the memory of the process.
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use throughline::Tracer;
use throughline::wire::DropReason;
use tracing_subscriber::layer::SubscriberExt;

const MIB: usize = 1 << 20;

/// Returns a tracer whose collector does not listen.
fn tracer() -> Tracer {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = closed.local_addr().expect("an address");
    drop(closed);
    Tracer::builder("test")
        .endpoint(format!("http://{address}"))
        .announce_after(Duration::from_millis(1))
        .interval(Duration::from_millis(10))
        .build()
        .expect("a tracer")
}

/// Returns the resident memory of this process, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.and_then(|kib| kib.parse::<usize>().ok())
        .expect("VmRSS")
        * 1024
}

/// Records `count` spans, each with a child and an event, and asks for flushes nobody waits for.
fn record(tracer: &Tracer, count: usize) {
    for number in 0..count {
        let span = tracing::info_span!("request", order = number, user = "ada");
        span.in_scope(|| {
            tracing::info!("read");
            drop(tracing::info_span!("statement", rows = number));
        });
        if number % 1_000 == 0 {
            let mut flush = Box::pin(tracer.flush(Duration::from_hours(1)));
            let waker = std::task::Waker::noop();
            let mut context = std::task::Context::from_waker(waker);
            let _ = flush.as_mut().poll(&mut context);
        }
    }
}

#[test]
fn the_memory_stays_the_same_however_many_spans_are_dropped() {
    let tracer = tracer();
    let subscriber = tracing_subscriber::registry().with(tracer.layer());
    let _subscriber = tracing::subscriber::set_default(subscriber);
    // Open for the whole time, so that the numbers of the others do not form one range.
    let open: Vec<_> = (0..500)
        .map(|_| {
            record(&tracer, 40);
            tracing::info_span!("connection")
        })
        .collect();
    record(&tracer, 20_000);
    let before = resident();
    record(&tracer, 150_000);
    let grown = resident().saturating_sub(before);
    // A list of the dropped numbers would take more than 2 MiB.
    assert!(grown < MIB, "{grown} bytes");
    assert!(tracer.stats().dropped[&DropReason::QueueFull] > 300_000);
    drop(open);
}

/// Runs for ten minutes, or for `THROUGHLINE_SOAK_SECONDS`.
#[test]
#[ignore = "takes ten minutes; `cargo xtask soak` runs it"]
fn soak_a_service_whose_collector_is_away() {
    let seconds = std::env::var("THROUGHLINE_SOAK_SECONDS").ok();
    let seconds = seconds.and_then(|text| text.parse().ok()).unwrap_or(600);
    let tracer = tracer();
    let subscriber = tracing_subscriber::registry().with(tracer.layer());
    let _subscriber = tracing::subscriber::set_default(subscriber);
    let _open: Vec<_> = (0..100)
        .map(|_| tracing::info_span!("connection"))
        .collect();
    let started = Instant::now();
    // By then the queue is full and every buffer has its final size.
    record(&tracer, 100_000);
    let before = resident();
    let mut most = before;
    while started.elapsed() < Duration::from_secs(seconds) {
        record(&tracer, 100);
        most = most.max(resident());
        std::thread::sleep(Duration::from_millis(20));
    }
    let dropped = tracer.stats().dropped[&DropReason::QueueFull];
    println!(
        "soak: a collector that was away for {seconds} s: {dropped} spans dropped, {} KiB resident \
         at the start, {} KiB at most, {} KiB at the end",
        before / 1024,
        most / 1024,
        resident() / 1024
    );
    assert!(most < before + 2 * MIB);
}
