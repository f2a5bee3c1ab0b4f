//! Measures continuous load: the cost of a span at 1,000 spans a second, the size of level 0, and
//! the throughput over minutes with compaction (S1, S2, S3, R1b).

use std::time::{Duration, Instant};

use anyhow::Result;
use throughline_store::testing::count;

use crate::program::Program;
use crate::throughput::{compact, wal_bytes};
use crate::{Scale, cpu, figure, load};

const SLOW_SPANS_PER_SECOND: u64 = 1_000;
/// The spans of one run of the generator under continuous load.
const RUN_SPANS: u64 = 1_000_000;

pub(crate) async fn measure(scale: Scale) -> Result<()> {
    level0().await?;
    slow(scale).await?;
    sustained(scale).await
}

/// Measures level 0 with so few spans that no compaction begins, in commits of 510.
async fn level0() -> Result<()> {
    const SPANS: u64 = 20_400;
    let program = Program::start().await?;
    let url = program.database_url()?;
    let spans = SPANS.to_string();
    let arguments = [
        "--shape",
        "varied",
        "--clients",
        "1",
        "--spans",
        &spans,
        "--large-trace-every",
        "0",
        "--late-percent",
        "0",
        "--duplicate-percent",
        "0",
        "--malformed-percent",
        "0",
    ];
    load::finish(load::start(&program, &arguments)?).await?;
    let bytes = count(&url, "SELECT pg_total_relation_size('level0_blocks')").await as f64;
    println!(
        "level 0: {:.0} B a span in commits of 510",
        bytes / SPANS as f64
    );
    figure("S2.level0", bytes / SPANS as f64);
    program.stop().await
}

/// Measures a load that leaves the machine nearly idle: commits are small and each serves one
/// client.
async fn slow(scale: Scale) -> Result<()> {
    let program = Program::start().await?;
    let url = program.database_url()?;
    let spans = SLOW_SPANS_PER_SECOND * scale.slow_s;
    let (spans_text, rate) = (spans.to_string(), SLOW_SPANS_PER_SECOND.to_string());
    let wal = wal_bytes(&url).await;
    let cpu = program.server_cpu_s()? + program.postgres_cpu_s()?;
    let arguments = [
        "--shape",
        "varied",
        "--clients",
        "4",
        "--per-request",
        "50",
        "--rate",
        &rate,
        "--spans",
        &spans_text,
        "--duplicate-percent",
        "0",
        "--malformed-percent",
        "0",
    ];
    let report = load::finish(load::start(&program, &arguments)?).await?;
    let this = std::process::id();
    let before = cpu::of_process(this)?;
    compact(&url).await?;
    let compaction = cpu::of_process(this)? - before;
    let cpu = program.server_cpu_s()? + program.postgres_cpu_s()? - cpu + compaction;
    let wal = wal_bytes(&url).await - wal;
    let (cpu_us, wal) = (
        cpu * 1e6 / spans as f64,
        wal / load::number(&report, "bytes")?,
    );
    println!(
        "{SLOW_SPANS_PER_SECOND} spans a second for {} s: {cpu_us:.1} us a span, WAL {wal:.2}",
        scale.slow_s
    );
    figure("S1.slow", cpu_us);
    figure("S3.slow", wal);
    program.stop().await
}

/// Measures full load, run after run, for minutes.
async fn sustained(scale: Scale) -> Result<()> {
    let program = Program::start().await?;
    let url = program.database_url()?;
    let (began, spans) = (Instant::now(), RUN_SPANS.to_string());
    let (mut runs, mut waits, mut level0) = (0_u64, 0.0, Vec::new());
    while began.elapsed() < Duration::from_secs(scale.sustained_s) {
        let seed = (runs + 1).to_string();
        let arguments = ["--clients", "64", "--spans", &spans, "--seed", &seed];
        let report = load::finish(load::start(&program, &arguments)?).await?;
        waits += load::number(&report, "asked_to_wait")?;
        level0.push(count(&url, "SELECT count(*) FROM level0_blocks").await);
        runs += 1;
    }
    let rate = (runs * RUN_SPANS) as f64 / began.elapsed().as_secs_f64();
    let memory = program.memory_mib("VmHWM")?;
    println!(
        "sustained: {rate:.0} spans/s for {:.0} s; blocks in level 0 after each run: {level0:?}; \
         {waits} requests were asked to wait; at most {memory:.0} MiB",
        began.elapsed().as_secs_f64()
    );
    figure("R1b", rate);
    figure(
        "R1b.level0_blocks",
        level0.last().map_or(0.0, |blocks| *blocks as f64),
    );
    program.stop().await
}
