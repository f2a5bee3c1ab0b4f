//! The program: reads the command line and runs the command.

use std::process::ExitCode;

use clap::Parser as _;
use throughline_server::cli::{Cli, Command};
use throughline_server::{backup, erase, maintain, serve, telemetry, transfer};

/// Every request allocates and frees buffers of hundreds of KiB. The system's allocator returns
/// such pages to the kernel each time, and the kernel clears them again. That costs a tenth of the
/// server's CPU at full load.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    // All parts use one TLS provider. No other code has installed one before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if let Err(error) = telemetry::start_logging(cli.log_format) {
        eprintln!("throughline: {error:#}");
        return ExitCode::FAILURE;
    }
    let ended = match cli.command {
        Command::Serve(options) => serve::serve(options).await,
        Command::Migrate(options) => serve::migrate(options).await,
        Command::Retention(options) => maintain::retention(options).await,
        Command::Erase(command) => erase::erase(command).await,
        Command::Storage(options) => maintain::storage(options).await,
        Command::Backup(command) => backup::backup(command).await,
        Command::Restore(command) => backup::restore(command).await,
        Command::Import(options) => transfer::run_import(options).await,
        Command::Export(options) => transfer::run_export(options).await,
        Command::Postgres(options) => serve::postgres(options).await,
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Plain text, whatever the log format is: a person reads it.
            eprintln!("throughline: {error:#}");
            ExitCode::FAILURE
        }
    }
}
