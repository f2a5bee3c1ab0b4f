//! `throughline-loadgen`: sends the spans that the command line specifies and prints the report.

use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use throughline_loadgen::{LoadOptions, send};
use throughline_wire::UnixNanos;

#[tokio::main]
async fn main() -> ExitCode {
    match run(&LoadOptions::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("throughline-loadgen: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &LoadOptions) -> Result<()> {
    #[expect(
        clippy::disallowed_methods,
        reason = "everything but the program itself takes the time as a parameter"
    )]
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let now = i64::try_from(since_epoch.as_nanos()).context("the clock is beyond the year 2262")?;
    let report = send(options, UnixNanos::new(now)).await?;
    println!("{}", report.text(options.json));
    report.check()
}
