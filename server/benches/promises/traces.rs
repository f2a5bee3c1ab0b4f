//! Measures R6: reading a trace through the API against its SQL alone.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use throughline_store::testing::trace_sql;
use throughline_wire::TraceId;

use crate::program::Program;
use crate::{figure, load, percentile};

/// The number of traces that are read, and how often each is read. The first round warms up.
const TRACES: usize = 200;
const TURNS: usize = 6;

pub(crate) async fn measure() -> Result<()> {
    let program = Program::start().await?;
    let arguments = ["--spans", "50000", "--large-trace-every", "0"];
    load::finish(load::start(&program, &arguments)?).await?;
    let client = reqwest::Client::new();
    let page = client
        .get(program.url(&format!("/api/admin/traces?limit={TRACES}")))
        .send()
        .await?
        .json::<Value>()
        .await?;
    let traces: Vec<TraceId> = page["items"]
        .as_array()
        .context("no list")?
        .iter()
        .filter_map(|trace| trace["trace_id"].as_str()?.parse().ok())
        .collect();
    ensure!(traces.len() == TRACES, "{} traces are listed", traces.len());
    let database_url = program.database_url()?;
    let (mut api, mut sql) = (Vec::new(), Vec::new());
    for turn in 0..TURNS {
        for traces in traces.chunks(20) {
            let alone = trace_sql(&database_url, traces)
                .await
                .map_err(anyhow::Error::from_boxed)?;
            let mut through = Vec::with_capacity(traces.len());
            for trace in traces {
                let began = Instant::now();
                let url = program.url(&format!("/api/admin/traces/{trace}"));
                let answer = client.get(url).send().await?.error_for_status()?;
                answer.bytes().await?;
                through.push(began.elapsed());
            }
            if turn > 0 {
                // The first statement of a connection includes its planning.
                sql.extend(alone.iter().skip(1).map(std::time::Duration::as_secs_f64));
                api.extend(through.iter().skip(1).map(std::time::Duration::as_secs_f64));
            }
        }
    }
    let [api_ms, sql_ms] = [api, sql].map(|seconds| percentile(seconds, 99) * 1e3);
    println!("traces: p99 of {TRACES} traces {api_ms:.2} ms by the API, {sql_ms:.2} ms of SQL");
    figure("R6", api_ms / sql_ms);
    figure("R6.api_p99_ms", api_ms);
    program.stop().await
}
