//! Benchmarks of the promises of the whole program, on the real binary with its own Postgres: S1 to
//! S3, S5, R1a and R1b, R6, R9, R12, R13, R15.
//!
//! The work is fixed and seeded. CPU times come from `/proc`, so the benchmarks need Linux. Each
//! figure is printed as `figure: <name> <number>`; `cargo xtask bench` collects the figures into
//! its table. `THROUGHLINE_BENCH_FULL` increases the amount of work.

mod beside;
mod cpu;
mod large;
mod live;
mod load;
mod lost;
mod memory;
mod program;
mod steady;
mod throughput;
mod traces;

use anyhow::Result;

/// The amount of work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// The spans of one round of the throughput.
    spans: u64,
    /// The measured rounds of the throughput.
    rounds: usize,
    /// The number of times that the server is killed, and that Postgres is killed.
    kills: usize,
    /// The probes of the live view.
    probes: usize,
    /// The seconds that Postgres is stopped while clients push.
    stall_s: u64,
    /// The seconds that 1,000 spans a second are sent.
    slow_s: u64,
    /// The seconds of the load at full speed.
    sustained_s: u64,
}

const QUICK: Scale = Scale {
    spans: 400_000,
    rounds: 3,
    kills: 3,
    probes: 300,
    stall_s: 10,
    slow_s: 30,
    sustained_s: 60,
};

const FULL: Scale = Scale {
    spans: 400_000,
    rounds: 7,
    kills: 20,
    probes: 2_000,
    stall_s: 60,
    slow_s: 120,
    sustained_s: 600,
};

/// Prints a figure in a form that a program can read.
pub(crate) fn figure(name: &str, value: f64) {
    println!("figure: {name} {value:.4}");
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Returns the value that `percent` percent of the values do not exceed.
pub(crate) fn percentile(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len() * percent).div_ceil(100).saturating_sub(1);
    values.get(at).copied().unwrap_or(f64::NAN)
}

#[tokio::main]
async fn main() -> Result<()> {
    // `cargo nextest` and `cargo test --benches` request a list: there are no tests here.
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return Ok(());
    }
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word));
    // The HTTP client needs a TLS provider even for plain HTTP. If one is installed already, that
    // is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let scale = if std::env::var_os("THROUGHLINE_BENCH_FULL").is_some() {
        FULL
    } else {
        QUICK
    };
    if is_wanted("throughput") {
        throughput::measure(scale).await?;
    }
    if is_wanted("steady") {
        steady::measure(scale).await?;
    }
    if is_wanted("beside") {
        beside::measure(scale).await?;
    }
    if is_wanted("traces") {
        traces::measure().await?;
    }
    if is_wanted("skeleton") {
        large::measure().await?;
    }
    if is_wanted("live") {
        live::measure(scale).await?;
    }
    if is_wanted("memory") {
        memory::measure(scale).await?;
    }
    if is_wanted("lost") {
        lost::measure(scale).await?;
    }
    Ok(())
}
