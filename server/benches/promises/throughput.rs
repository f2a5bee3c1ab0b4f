//! Measures R1a and S1 to S3: the committed spans a second through each receiver, the CPU time of a
//! span until it is in level 1, its bytes on disk, and its bytes of WAL.

use anyhow::{Result, ensure};
use throughline_store::testing::{count, count_spans, execute};
use throughline_store::{Store, StoreOptions};
use throughline_wire::UnixNanos;

use crate::program::Program;
use crate::{Scale, cpu, figure, median};

/// A load of the generator.
#[derive(Debug, Clone, Copy)]
struct Load {
    name: &'static str,
    format: &'static str,
    shape: &'static str,
    clients: &'static str,
    /// The percentage of spans that come one request later than the rest of their trace.
    late_percent: &'static str,
}

/// Many clients, as a larger application has. They share the cost of a commit.
const LOADS: [Load; 4] = [
    Load {
        name: "protobuf",
        format: "otlp-protobuf",
        shape: "m",
        clients: "64",
        late_percent: "5",
    },
    Load {
        name: "native",
        format: "native",
        shape: "m",
        clients: "64",
        late_percent: "5",
    },
    Load {
        name: "protobuf_in_pieces",
        format: "otlp-protobuf",
        shape: "m",
        clients: "64",
        late_percent: "60",
    },
    // Few clients, and values that compress like those of an application.
    Load {
        name: "varied",
        format: "otlp-protobuf",
        shape: "varied",
        clients: "16",
        late_percent: "0",
    },
];

struct Round {
    spans_per_second: f64,
    server_cpu_s: f64,
    postgres_cpu_s: f64,
    /// The CPU time of this process, which runs the rest of compaction.
    compaction_cpu_s: f64,
    wal_bytes: f64,
    sent_bytes: f64,
    disk_bytes: f64,
}

impl Round {
    fn cpu_s(&self) -> f64 {
        self.server_cpu_s + self.postgres_cpu_s + self.compaction_cpu_s
    }
}

pub(crate) async fn wal_bytes(url: &str) -> f64 {
    count(
        url,
        "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint",
    )
    .await as f64
}

async fn disk_bytes(url: &str) -> f64 {
    execute(url, "VACUUM").await;
    count(url, "SELECT pg_database_size(current_database())").await as f64
}

async fn round(load: Load, spans: u64, seed: usize) -> Result<Round> {
    let program = Program::start().await?;
    let url = program.database_url()?;
    let (spans_text, seed) = (spans.to_string(), seed.to_string());
    let empty_bytes = disk_bytes(&url).await;
    let wal_before = wal_bytes(&url).await;
    let (server, postgres) = (program.server_cpu_s()?, program.postgres_cpu_s()?);
    let arguments = [
        "--format",
        load.format,
        "--shape",
        load.shape,
        "--clients",
        load.clients,
        "--spans",
        &spans_text,
        "--seed",
        &seed,
        "--late-percent",
        load.late_percent,
        // The sent spans and the stored spans must be the same.
        "--duplicate-percent",
        "0",
        "--malformed-percent",
        "0",
    ];
    let report = crate::load::finish(crate::load::start(&program, &arguments)?).await?;
    let this = std::process::id();
    let compaction = cpu::of_process(this)?;
    compact(&url).await?;
    let compaction_cpu_s = cpu::of_process(this)? - compaction;
    let server_cpu_s = program.server_cpu_s()? - server;
    let postgres_cpu_s = program.postgres_cpu_s()? - postgres;
    let wal_bytes = wal_bytes(&url).await - wal_before;
    let stored = count_spans(&url).await;
    ensure!(
        report["distinct"] == stored,
        "{stored} spans are stored of {}",
        report["distinct"]
    );
    let round = Round {
        spans_per_second: crate::load::number(&report, "spans_per_second")?,
        server_cpu_s,
        postgres_cpu_s,
        compaction_cpu_s,
        wal_bytes,
        sent_bytes: crate::load::number(&report, "bytes")?,
        disk_bytes: disk_bytes(&url).await - empty_bytes,
    };
    program.stop().await?;
    println!(
        "  {:<20} {:>7.0} spans/s  server {:.2} s  Postgres {:.2} s  rest of compaction {:.2} s  \
         disk {:.0} B a span  WAL {:.2}  generator {} s",
        load.name,
        round.spans_per_second,
        round.server_cpu_s,
        round.postgres_cpu_s,
        round.compaction_cpu_s,
        round.disk_bytes / spans as f64,
        round.wal_bytes / round.sent_bytes,
        report["generator_cpu_s"],
    );
    Ok(round)
}

/// Moves the rest of level 0 to level 1.
pub(crate) async fn compact(url: &str) -> Result<()> {
    // The clock of the store does not matter here.
    let store = Store::connect(url, StoreOptions::new(|| UnixNanos::new(0))).await?;
    store.compact_once().await?;
    store.close().await;
    Ok(())
}

pub(crate) async fn measure(scale: Scale) -> Result<()> {
    println!(
        "throughput: {} spans, 510 a request, each round on a new database",
        scale.spans
    );
    let mut rounds = LOADS.map(|_| Vec::new());
    for number in 0..=scale.rounds {
        // The order of the loads alternates.
        let order = if number % 2 == 0 {
            [0, 1, 2, 3]
        } else {
            [3, 2, 1, 0]
        };
        for at in order {
            let round = round(LOADS[at], scale.spans, number + 1).await?;
            // The first round warms up.
            if number > 0 {
                rounds[at].push(round);
            }
        }
    }
    for (rounds, Load { name, .. }) in rounds.iter().zip(LOADS) {
        let of = |value: &dyn Fn(&Round) -> f64| median(rounds.iter().map(value).collect());
        let per_span_us = 1e6 / scale.spans as f64;
        let spans = scale.spans as f64;
        figure(&format!("R1a.{name}"), of(&|round| round.spans_per_second));
        figure(
            &format!("S1.{name}"),
            of(&|round| round.cpu_s() * per_span_us),
        );
        figure(
            &format!("cpu_us_per_span.server.{name}"),
            of(&|round| (round.server_cpu_s + round.compaction_cpu_s) * per_span_us),
        );
        figure(
            &format!("cpu_us_per_span.postgres.{name}"),
            of(&|round| round.postgres_cpu_s * per_span_us),
        );
        figure(&format!("S2.{name}"), of(&|round| round.disk_bytes / spans));
        figure(
            &format!("S3.{name}"),
            of(&|round| round.wal_bytes / round.sent_bytes),
        );
    }
    Ok(())
}
