//! R1 and R1a: committed spans a second through each door, and the CPU they cost against a raw
//! `COPY` of the same rows.

use std::cell::Cell;

use anyhow::{Context as _, Result, ensure};
use throughline_store::testing::raw_copy;

use crate::program::Program;
use crate::{Scale, cpu, figure, load, median};

/// What is measured: a name, the format of the requests, and how many clients send them at a time.
///
/// Many, as an application of some size has: what a commit costs is shared by those whose spans it
/// stores. With the few of the last row more of it falls on each.
const DOORS: [(&str, &str, &str); 3] = [
    ("protobuf", "otlp-protobuf", "64"),
    ("native", "native", "64"),
    ("protobuf_8_clients", "otlp-protobuf", "8"),
];

struct Round {
    spans_per_second: f64,
    server_cpu_s: f64,
    postgres_cpu_s: f64,
    raw_copy: Raw,
}

/// CPU seconds of a raw `COPY`.
struct Raw {
    /// Of Postgres.
    postgres_s: f64,
    /// Of this process, which sends the rows.
    client_s: f64,
}

impl Raw {
    fn total_s(&self) -> f64 {
        self.postgres_s + self.client_s
    }
}

impl Round {
    fn cpu_s(&self) -> f64 {
        self.server_cpu_s + self.postgres_cpu_s
    }
}

async fn round(
    (name, format, clients): (&str, &str, &str),
    spans: u64,
    seed: usize,
) -> Result<Round> {
    let program = Program::start().await?;
    let (spans, seed) = (spans.to_string(), seed.to_string());
    let (server, postgres) = (program.server_cpu_s()?, program.postgres_cpu_s()?);
    let arguments = [
        "--format",
        format,
        "--shape",
        "m",
        "--clients",
        clients,
        "--spans",
        &spans,
        "--seed",
        &seed,
        // The yardstick copies what is stored: nothing may be sent that is not.
        "--duplicate-percent",
        "0",
        "--malformed-percent",
        "0",
    ];
    let report = load::finish(load::start(&program, &arguments)?).await?;
    let server_cpu_s = program.server_cpu_s()? - server;
    let postgres_cpu_s = program.postgres_cpu_s()? - postgres;
    // Every process of Postgres counts on both sides: backends, WAL writer, checkpointer, vacuum.
    let this = std::process::id();
    let client_s = Cell::new((0.0, 0.0));
    let raw = raw_copy(&program.database_url()?, |_| {
        client_s.set((client_s.get().1, cpu::of_process(this)?));
        program.postgres_cpu_s()
    })
    .await
    .map_err(anyhow::Error::from_boxed)
    .context("the raw COPY")?;
    let (client_before_s, client_after_s) = client_s.get();
    ensure!(
        report["distinct"] == raw.rows,
        "{} rows are stored of {}",
        raw.rows,
        report["distinct"]
    );
    program.stop().await?;
    let round = Round {
        spans_per_second: load::number(&report, "spans_per_second")?,
        server_cpu_s,
        postgres_cpu_s,
        raw_copy: Raw {
            postgres_s: raw.cpu_s,
            client_s: client_after_s - client_before_s,
        },
    };
    println!(
        "  {name:<20} {:>7.0} spans/s  server {:.2} s  postgres {:.2} s  raw COPY {:.2} + {:.2} s  \
         generator {} s",
        round.spans_per_second,
        round.server_cpu_s,
        round.postgres_cpu_s,
        round.raw_copy.postgres_s,
        round.raw_copy.client_s,
        report["generator_cpu_s"],
    );
    Ok(round)
}

pub(crate) async fn measure(scale: Scale) -> Result<()> {
    println!(
        "throughput: {} spans of shape M, 510 a request, each round on a new database; raw COPY: \
         Postgres + client",
        scale.spans
    );
    let mut rounds = DOORS.map(|_| Vec::new());
    for number in 0..=scale.rounds {
        // The doors take turns in going first.
        let order = if number % 2 == 0 {
            [0, 1, 2]
        } else {
            [2, 1, 0]
        };
        for door in order {
            let round = round(DOORS[door], scale.spans, number + 1).await?;
            // The first warms up.
            if number > 0 {
                rounds[door].push(round);
            }
        }
    }
    for (rounds, (name, ..)) in rounds.iter().zip(DOORS) {
        let of = |value: fn(&Round) -> f64| median(rounds.iter().map(value).collect());
        let per_span_us = 1e6 / scale.spans as f64;
        figure(
            &format!("R1.{name}"),
            of(|round| round.raw_copy.total_s() / round.cpu_s()),
        );
        figure(
            &format!("R1.postgres_alone.{name}"),
            of(|round| round.raw_copy.postgres_s / round.cpu_s()),
        );
        figure(&format!("R1a.{name}"), of(|round| round.spans_per_second));
        figure(
            &format!("cpu_us_per_span.server.{name}"),
            of(|round| round.server_cpu_s) * per_span_us,
        );
        figure(
            &format!("cpu_us_per_span.postgres.{name}"),
            of(|round| round.postgres_cpu_s) * per_span_us,
        );
    }
    Ok(())
}
