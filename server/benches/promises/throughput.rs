//! R1 and R1a: committed spans a second through each door, and the CPU they cost against a raw
//! `COPY` of the same rows.

use anyhow::{Context as _, Result, ensure};
use throughline_store::testing::raw_copy;

use crate::program::Program;
use crate::{Scale, figure, load, median};

const DOORS: [(&str, &str); 2] = [("protobuf", "otlp-protobuf"), ("native", "native")];

struct Round {
    spans_per_second: f64,
    server_cpu_s: f64,
    postgres_cpu_s: f64,
    raw_copy_cpu_s: f64,
}

async fn round(format: &str, spans: u64, seed: usize) -> Result<Round> {
    let program = Program::start().await?;
    let (spans, seed) = (spans.to_string(), seed.to_string());
    let (server, postgres) = (program.server_cpu_s()?, program.postgres_cpu_s()?);
    let arguments = [
        "--format",
        format,
        "--shape",
        "m",
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
    let raw = raw_copy(&program.database_url()?, |_| program.postgres_cpu_s())
        .await
        .map_err(anyhow::Error::from_boxed)
        .context("the raw COPY")?;
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
        raw_copy_cpu_s: raw.cpu_s,
    };
    println!(
        "  {format:<14} {:>7.0} spans/s  server {:.2} s  postgres {:.2} s  raw COPY {:.2} s  \
         generator {} s",
        round.spans_per_second,
        round.server_cpu_s,
        round.postgres_cpu_s,
        round.raw_copy_cpu_s,
        report["generator_cpu_s"],
    );
    Ok(round)
}

pub(crate) async fn measure(scale: Scale) -> Result<()> {
    println!(
        "throughput: {} spans of shape M, 510 a request, 8 clients, each round on a new database",
        scale.spans
    );
    let mut rounds: [Vec<Round>; 2] = [Vec::new(), Vec::new()];
    for number in 0..=scale.rounds {
        // The doors take turns in going first.
        let order = if number % 2 == 0 { [0, 1] } else { [1, 0] };
        for door in order {
            let round = round(DOORS[door].1, scale.spans, number + 1).await?;
            // The first warms up.
            if number > 0 {
                rounds[door].push(round);
            }
        }
    }
    for (rounds, (name, _)) in rounds.iter().zip(DOORS) {
        let of = |value: fn(&Round) -> f64| median(rounds.iter().map(value).collect());
        let per_span_us = 1e6 / scale.spans as f64;
        figure(
            &format!("R1.{name}"),
            of(|round| round.raw_copy_cpu_s / (round.server_cpu_s + round.postgres_cpu_s)),
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
