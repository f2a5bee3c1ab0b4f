//! The commands of the project: `cargo xtask start`, `cargo xtask test` and their steps.

mod bench;
mod binary;
mod context;
mod doctor;
mod http;
mod interrupt;
mod metadata;
mod process;
mod setup;
mod site;
mod soak;
mod stack;
mod stamp;
mod start;
mod summary;
mod temporary;
mod test;
mod tidy;
mod version;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use context::Context;

/// Builds, runs and tests Throughline. Each command first installs what it needs and says so.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build everything and run the server and the example shop until Ctrl-C
    Start(start::StartOptions),
    /// Run every check of the project and end with a summary
    Test(test::TestOptions),
    /// Show what is installed, what is missing and how to get it; changes nothing
    Doctor,
    /// Build the release binary with the site inside it
    Build,
    /// Run the benchmarks against a throw-away Postgres
    Bench(bench::BenchOptions),
    /// Run the fault tests that take minutes
    Soak(soak::SoakOptions),
    /// Check the rules that the compiler does not check: dependencies, module openings, file sizes,
    /// checksums of migrations
    Tidy(tidy::TidyOptions),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    interrupt::install()?;
    let mut context = Context::discover()?;
    match command {
        Command::Start(options) => start::run(&mut context, &options),
        Command::Test(options) => test::run(&mut context, &options),
        Command::Doctor => Ok(doctor::run(&mut context)),
        Command::Build => binary::run(&mut context),
        Command::Bench(options) => bench::run(&mut context, &options),
        Command::Soak(options) => soak::run(&mut context, &options),
        Command::Tidy(options) => tidy::run(&context, &options),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
