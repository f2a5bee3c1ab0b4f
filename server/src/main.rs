//! The program: reads the command line and runs what it asks for.

use std::process::ExitCode;

use clap::Parser as _;
use throughline_server::cli::{Cli, Command};
use throughline_server::{backup, erase, maintain, serve, telemetry, transfer};

/// Every request takes and frees buffers of hundreds of KiB. The system's allocator gives such pages
/// back each time, and the kernel clears them again: a tenth of the server's CPU at full load.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    // One TLS provider for all; nobody has installed another before.
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
            // Plainly, whatever the log looks like: a person waits for it.
            eprintln!("throughline: {error:#}");
            ExitCode::FAILURE
        }
    }
}
