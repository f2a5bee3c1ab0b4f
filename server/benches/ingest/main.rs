//! Committed spans per second over OTLP/HTTP, and what they cost against a raw `COPY` (R1, R1a).
//!
//! Starts the real binary with a private Postgres in a temporary folder and sends a fixed, seeded
//! amount of work to it. Each round then copies the very rows it stored into an equal, empty table
//! and compares CPU seconds, which a noisy host moves far less than wall time. The first round warms
//! up and is not counted. Needs `/proc`, that is Linux.

mod cpu;
mod load;
mod server;

use std::time::Instant;

use anyhow::{Context as _, Result};
use throughline_store::testing::raw_copy;

/// Spans of a round: enough for seconds of work on two cores.
const SPANS: usize = 200_000;
/// Spans of a request, the default of the OpenTelemetry batch processors.
const SPANS_PER_REQUEST: usize = 512;
/// Requests in flight at once.
const CLIENTS: usize = 8;
/// Rounds that count.
const ROUNDS: usize = 3;

struct Round {
    spans_per_second: f64,
    server_cpu_s: f64,
    postgres_cpu_s: f64,
    raw_copy_cpu_s: f64,
}

impl Round {
    fn r1(&self) -> f64 {
        self.raw_copy_cpu_s / (self.server_cpu_s + self.postgres_cpu_s)
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn round(number: usize) -> Result<Round> {
    let server = server::Server::start().await?;
    let requests = load::requests(SPANS, SPANS_PER_REQUEST, number as u64 + 1);
    let bytes: usize = requests.iter().map(Vec::len).sum();
    let (server_before, postgres_before) = (server.cpu()?, server.postgres_cpu()?);
    let started = Instant::now();
    load::send(&server.otlp_url(), requests, CLIENTS).await?;
    let wall_s = started.elapsed().as_secs_f64();
    let server_cpu_s = server.cpu()? - server_before;
    let postgres_cpu_s = server.postgres_cpu()? - postgres_before;

    // All processes of Postgres count on both sides: backends, WAL writer, checkpointer, vacuum.
    let raw = raw_copy(&server.database_url()?, |_| server.postgres_cpu())
        .await
        .map_err(anyhow::Error::from_boxed)
        .context("the raw COPY")?;
    anyhow::ensure!(
        raw.rows == SPANS as u64,
        "{} rows stored of {SPANS} sent",
        raw.rows
    );
    println!(
        "  {:>8.0} spans/s  server {server_cpu_s:.2} s  postgres {postgres_cpu_s:.2} s  raw COPY {:.2} s  \
         {} B/span on the wire",
        SPANS as f64 / wall_s,
        raw.cpu_s,
        bytes / SPANS,
    );
    server.stop().await?;
    Ok(Round {
        spans_per_second: SPANS as f64 / wall_s,
        server_cpu_s,
        postgres_cpu_s,
        raw_copy_cpu_s: raw.cpu_s,
    })
}

#[tokio::main]
async fn main() -> Result<()> {
    // `cargo nextest` and `cargo test --benches` ask for a list: there are no tests here.
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return Ok(());
    }
    // The HTTP client wants a TLS provider even for plain HTTP; a second one is no fault.
    let _ = rustls::crypto::ring::default_provider().install_default();
    println!(
        "ingest: {SPANS} spans, 11 attributes each, OTLP protobuf, {SPANS_PER_REQUEST} spans a \
         request, {CLIENTS} clients; load generator, server and Postgres share this machine"
    );
    let mut rounds = Vec::new();
    for number in 0..=ROUNDS {
        let round = round(number).await?;
        if number > 0 {
            rounds.push(round);
        }
    }
    let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    println!("\n{:<52} {:>10} {:>10}", "", "target", "today");
    println!(
        "{:<52} {:>10} {:>10.0}",
        "R1a committed spans per second",
        ">= 40000",
        of(|round| round.spans_per_second)
    );
    println!(
        "{:<52} {:>10} {:>10.2}",
        "R1  CPU of raw COPY / CPU of server + Postgres",
        ">= 0.55",
        of(Round::r1)
    );
    println!(
        "{:<52} {:>10} {:>10.1}",
        "    CPU per span, server + Postgres, us",
        "",
        of(|round| (round.server_cpu_s + round.postgres_cpu_s) / SPANS as f64 * 1e6)
    );
    println!(
        "{:<52} {:>10} {:>10.1}",
        "    of it Postgres, us",
        "",
        of(|round| round.postgres_cpu_s / SPANS as f64 * 1e6)
    );
    Ok(())
}
