//! Searches during ingest: ten at once must leave ingest most of its throughput (S5).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinSet;

use crate::program::Program;
use crate::{Scale, figure, load, median};

const SEARCHES: usize = 10;
const ROUNDS: usize = 3;

pub(crate) async fn measure(scale: Scale) -> Result<()> {
    let (mut ratios, mut answers, mut memory) = (Vec::new(), 0, 0.0_f64);
    // The first round warms up. The order of the two measurements alternates.
    for round in 0..=ROUNDS {
        let mut rates = [0.0; 2];
        let order = if round % 2 == 0 {
            [false, true]
        } else {
            [true, false]
        };
        for searched in order {
            let (rate, answered, most) = ingest(scale, round, searched).await?;
            rates[usize::from(searched)] = rate;
            answers += answered;
            memory = memory.max(most);
        }
        if round > 0 {
            ratios.push(rates[1] / rates[0]);
        }
    }
    let ratio = median(ratios);
    println!(
        "searches beside ingest: {SEARCHES} at once leave {ratio:.2} of the throughput; {answers} \
         pages were answered; the server took at most {memory:.0} MiB"
    );
    figure("S5", ratio);
    figure("S5.memory_mib", memory);
    Ok(())
}

/// Sends the spans of a round. Returns the rate, the number of search responses and the server's
/// peak memory.
async fn ingest(scale: Scale, round: usize, searched: bool) -> Result<(f64, u64, f64)> {
    let program = Program::start().await?;
    // Data for the searches from the start.
    let arguments = ["--spans", "100000", "--seed", "99"];
    load::finish(load::start(&program, &arguments)?).await?;
    let answers = Arc::new(AtomicU64::new(0));
    let mut searches = JoinSet::new();
    if searched {
        for number in 0..SEARCHES {
            // No message contains this text, so the search must scan every block.
            let query = format!("/api/admin/traces?error=nowhere%20{number}&range=24h");
            searches.spawn(search(program.url(&query), Arc::clone(&answers)));
        }
    }
    let (spans, seed) = (scale.spans.to_string(), (round + 1).to_string());
    let arguments = ["--clients", "64", "--spans", &spans, "--seed", &seed];
    let report = load::finish(load::start(&program, &arguments)?).await?;
    searches.shutdown().await;
    let answered = answers.load(Ordering::Relaxed);
    let memory = program.memory_mib("VmHWM")?;
    let rate = load::number(&report, "spans_per_second")?;
    program.stop().await?;
    Ok((rate, answered, memory))
}

/// Searches repeatedly.
async fn search(url: String, answers: Arc<AtomicU64>) {
    let client = reqwest::Client::new();
    loop {
        let answer = client.get(&url).send().await;
        let is_whole = match answer {
            Ok(answer) if answer.status().is_success() => answer.bytes().await.is_ok(),
            _ => false,
        };
        if is_whole {
            answers.fetch_add(1, Ordering::Relaxed);
        } else {
            // The server is over its limit.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
