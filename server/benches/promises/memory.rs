//! Measures R15: the server's memory while clients push and nothing can be committed, and
//! afterwards.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::sleep;

use crate::program::Program;
use crate::{Scale, figure, load};

pub(crate) async fn measure(scale: Scale) -> Result<()> {
    let program = Program::start().await?;
    let spans = scale.spans.to_string();
    // Many clients send large spans in large requests, so the queue fills within a second.
    let arguments = [
        "--shape",
        "l",
        "--per-request",
        "1000",
        "--clients",
        "64",
        "--spans",
        &spans,
    ];
    let pushing = load::start(&program, &arguments)?;
    sleep(Duration::from_secs(2)).await;
    let running = program.memory_mib("VmRSS")?;
    program.hold_postgres(true)?;
    sleep(Duration::from_secs(scale.stall_s)).await;
    let held = program.memory_mib("VmRSS");
    program.hold_postgres(false)?;
    let report = load::finish(pushing).await?;
    let (held, most) = (held?, program.memory_mib("VmHWM")?);
    println!(
        "memory: {running:.0} MiB at full load, {held:.0} MiB with Postgres stopped for {} s, at most \
         {most:.0} MiB; {} requests got 429",
        scale.stall_s, report["asked_to_wait"]
    );
    ensure!(
        load::number(&report, "asked_to_wait")? > 0.0,
        "the queue was never full"
    );
    figure("R15", most);
    program.stop().await
}
