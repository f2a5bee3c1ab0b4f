//! What is promised of the whole program, measured on the real binary with a Postgres of its own:
//! S1 to S3, S5, R1a and R1b, R6, R9, R12, R13, R15.
//!
//! Work is fixed and seeded; CPU comes from `/proc`, so this needs Linux. Each figure is printed as
//! `figure: <name> <number>`, which `cargo xtask bench` gathers into its table. With
//! `THROUGHLINE_BENCH_FULL` there is more of everything.

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

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// Spans of a round of the throughput.
    spans: u64,
    /// Rounds of the throughput that count.
    rounds: usize,
    /// Times that the server is killed, and Postgres.
    kills: usize,
    /// Probes of the live view.
    probes: usize,
    /// How long Postgres stands still while clients push.
    stall_s: u64,
    /// How long 1,000 spans a second are sent.
    slow_s: u64,
    /// How long as much is sent as goes.
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

/// Says a figure so that a program can read it.
pub(crate) fn figure(name: &str, value: f64) {
    println!("figure: {name} {value:.4}");
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The value that so many percent of the values stay within.
pub(crate) fn percentile(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len() * percent).div_ceil(100).saturating_sub(1);
    values.get(at).copied().unwrap_or(f64::NAN)
}

#[tokio::main]
async fn main() -> Result<()> {
    // `cargo nextest` and `cargo test --benches` ask for a list: there are no tests here.
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return Ok(());
    }
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word));
    // The HTTP client wants a TLS provider even for plain HTTP; a second one is no fault.
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
