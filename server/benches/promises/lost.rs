//! Measures R9: acknowledged spans are stored after `kill -9` of the server and of Postgres during
//! ingest.
//!
//! The generator sends each span until it is acknowledged and never again, so a span that is
//! missing at the end was acknowledged and lost. `kill -9` cannot detect a missing fsync.

use std::time::Duration;

use anyhow::Result;
use throughline_store::testing::{count, count_spans};
use tokio::time::sleep;

use crate::program::Program;
use crate::{Scale, figure, load};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Server,
    Postgres,
}

async fn lose(victim: Victim, kills: usize, spans: u64) -> Result<(f64, f64)> {
    let mut program = Program::start().await?;
    // A rate low enough that every kill happens while spans are sent.
    let rate = (spans / (2 * kills as u64)).clamp(1_000, 50_000);
    let (spans, rate) = (spans.to_string(), rate.to_string());
    let arguments = ["--spans", &spans, "--rate", &rate, "--per-request", "100"];
    let mut sending = load::start(&program, &arguments)?;
    let mut killed = 0;
    // Irregular intervals, which match no interval of the server.
    for number in 0..kills {
        sleep(Duration::from_millis(700 + (number as u64 * 379) % 800)).await;
        if sending.try_wait()?.is_some() {
            break;
        }
        match victim {
            Victim::Server => program.kill_server().await?,
            Victim::Postgres => program.kill_postgres().await?,
        }
        killed += 1;
    }
    let report = load::finish(sending).await?;
    let expected = load::number(&report, "distinct")?;
    let url = program.database_url()?;
    let stored = count_spans(&url).await as f64;
    let listed = count(
        &url,
        "SELECT coalesce(sum(span_count), 0)::bigint FROM traces",
    )
    .await as f64;
    println!(
        "lost: {victim:?} killed {killed} times; {expected} spans acknowledged, {stored} stored, \
         {listed} counted by the directory, {} attempts without an answer",
        report["broken"]
    );
    program.stop().await?;
    let twice = (stored - expected).max(0.0) + (listed - stored).abs();
    Ok(((expected - stored).max(0.0), twice))
}

pub(crate) async fn measure(scale: Scale) -> Result<()> {
    for (victim, name) in [(Victim::Server, "server"), (Victim::Postgres, "postgres")] {
        let (missing, twice) = lose(victim, scale.kills, scale.spans / 2).await?;
        figure(&format!("R9.{name}"), missing);
        figure(&format!("R9.{name}.twice"), twice);
    }
    Ok(())
}
