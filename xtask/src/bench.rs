//! `cargo xtask bench`: runs the benchmarks against a release build and throw-away Postgres
//! clusters, and prints one table of targets and figures.

mod figures;
mod machine;
mod table;
mod targets;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::context::Context;
use crate::setup;
use crate::test::Database;

use figures::Figures;

/// The package, the name and the extra arguments of each benchmark.
const BENCHMARKS: [(&str, &str); 2] = [
    ("throughline-store", "reads"),
    ("throughline-server", "promises"),
];

/// The selection of benchmarks.
#[derive(Debug, Args)]
pub(crate) struct BenchOptions {
    /// Use more data, up to 10 million spans: takes an hour instead of minutes
    #[arg(long)]
    full: bool,
    /// Run the benchmark of this name only: `reads` or `promises`
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Arguments for the benchmarks, such as a filter
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Builds and runs the benchmarks, prints the table and writes it to `target/bench.md`. Succeeds if
/// every benchmark ran, even if a figure misses its target: times on a shared machine vary.
pub(crate) fn run(context: &mut Context, options: &BenchOptions) -> Result<ExitCode> {
    let _claim = setup::compiler(context)?;
    setup::postgres::prepare(context)?;
    context
        .cargo(&[
            "build",
            "--release",
            "-p",
            "throughline-server",
            "-p",
            "throughline-loadgen",
        ])
        .run()?;
    let mut figures = Figures::default();
    let mut failed = Vec::new();
    for (package, name) in BENCHMARKS {
        let wanted = options.only.as_deref().is_none_or(|only| only == name);
        let file = if package.ends_with("store") {
            "crates/store"
        } else {
            "server"
        };
        if !wanted || !is_there(context, file, name) {
            continue;
        }
        if !bench(context, options, package, name, &mut figures)? {
            failed.push(name);
        }
    }
    let table = table::markdown(&figures, &machine::facts(), options.full);
    println!("\n{table}");
    let file = context.target.join("bench.md");
    fs::write(&file, &table).with_context(|| format!("cannot write {}", file.display()))?;
    println!("written to {}", file.display());
    for name in &failed {
        eprintln!("the benchmark {name} failed; see above");
    }
    Ok(if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Reports whether the checkout has this benchmark.
fn is_there(context: &Context, package: &str, name: &str) -> bool {
    let benches = context.root.join(package).join("benches");
    benches.join(format!("{name}.rs")).exists() || benches.join(name).is_dir()
}

/// Runs one benchmark on its own cluster, so that no benchmark finds the data of another.
fn bench(
    context: &Context,
    options: &BenchOptions,
    package: &str,
    name: &str,
    figures: &mut Figures,
) -> Result<bool> {
    let database = Database::start(context, "release")?;
    let mut command = context
        .cargo(&["bench", "-p", package, "--bench", name, "--"])
        .args(&options.arguments)
        .env("THROUGHLINE_TEST_DATABASE_URL", database.url());
    let sizes = if options.full {
        command = command.env("THROUGHLINE_BENCH_FULL", "1").env("PAIRS", "9");
        "1000000,10000000"
    } else {
        command = command.env("PAIRS", "3");
        "1000000"
    };
    let ran = command
        .env(
            "READS_SIZES",
            std::env::var("READS_SIZES").as_deref().unwrap_or(sizes),
        )
        .stream()?;
    figures.gather(&ran.text);
    Ok(ran.success)
}
