//! The command line; every option can be set by its environment variable as well.

mod backup;
mod erase;
mod retention;
mod transfer;

use std::env;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use self::backup::{BackupCommand, RestoreCommand};
pub use self::erase::EraseCommand;
pub use self::transfer::{ExportOptions, FilterOptions, ImportOptions};
use crate::telemetry::LogFormat;

pub use self::retention::{
    DiskReserveOption, RetentionCommand, RetentionOptions, StorageCommand, StorageOptions,
    TracingMode,
};
use self::transfer::trace_id;

const EXAMPLES: &str = "\
Examples:
  throughline serve
      Starts everything on this machine: the panel at http://127.0.0.1:3000, OTLP/HTTP at
      http://127.0.0.1:4318, and a Postgres of its own in the data directory.
  DATABASE_URL=postgres://me:secret@db/traces throughline serve
      Stores in that database instead (Postgres 15 or later).
  OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 my-service
      Any OpenTelemetry SDK sends here as it is (OTLP over HTTP, protobuf or JSON); over gRPC to
      http://127.0.0.1:4317.

RUST_LOG sets what is logged, such as RUST_LOG=debug or RUST_LOG=warn,throughline_store=debug.";

/// Click-to-waterfall tracing: ingest, store and control panel in one program.
#[derive(Debug, Parser)]
#[command(name = "throughline", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How log lines look; text on a terminal, JSON elsewhere, unless said.
    #[arg(long, global = true, value_enum, env = "THROUGHLINE_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server until Ctrl-C or SIGTERM, then drain and stop.
    Serve(ServeOptions),
    /// Bring the database's schema up to date, and say what was done. `serve` does it by itself.
    Migrate(DatabaseOptions),
    /// Remove what is past its time now, and print what went; with --dry-run print what would go.
    /// `serve` does it by itself every quarter of an hour.
    Retention(RetentionCommand),
    /// Erase what is stored of some traces now, pinned or not, and print what was erased. Ingest and
    /// reads go on.
    Erase(EraseCommand),
    /// Print what the database takes, by table, operation and attribute.
    Storage(StorageCommand),
    /// Write the whole database to one file, as of one moment; a server may go on meanwhile.
    Backup(BackupCommand),
    /// Restore what `backup` wrote into an empty database or a new data directory.
    Restore(RestoreCommand),
    /// Store files of OTLP JSON (newline-delimited too), Jaeger JSON or Zipkin v2 JSON. What is stored
    /// already is recognised, so that the same file may be imported twice.
    Import(ImportOptions),
    /// Write traces as OTLP JSON, which imports again to the same traces.
    Export(ExportOptions),
    /// Run the private Postgres alone until Ctrl-C or SIGTERM; prints `DATABASE_URL=...` when ready.
    Postgres(DataDirOption),
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub struct ServeOptions {
    /// Where panel, API, native ingest and OTLP listen. Loopback only: there is no sign-in yet, so
    /// anyone who reaches it can read every trace. Reach it from another machine through an SSH tunnel, or
    /// a reverse proxy with its own sign-in on this machine.
    #[arg(long, env = "THROUGHLINE_ADDR", default_value = "127.0.0.1:3000", value_parser = addr)]
    pub addr: SocketAddr,
    /// Where OTLP/HTTP listens as well: the port that OpenTelemetry SDKs send to by default.
    #[arg(
        long,
        env = "THROUGHLINE_OTLP_ADDR",
        default_value = "127.0.0.1:4318",
        value_parser = addr
    )]
    pub otlp_addr: SocketAddr,
    /// Where OTLP/gRPC listens: the port that OpenTelemetry SDKs send to by default.
    #[arg(
        long,
        env = "THROUGHLINE_OTLP_GRPC_ADDR",
        default_value = "127.0.0.1:4317",
        value_parser = addr
    )]
    pub otlp_grpc_addr: SocketAddr,
    /// The database.
    #[command(flatten)]
    pub database: DatabaseOptions,
    /// The largest request body in bytes, as sent and decompressed, at least 1024; beyond it the
    /// answer is 413.
    #[arg(
        long,
        env = "THROUGHLINE_BODY_LIMIT",
        default_value_t = 20 << 20,
        value_name = "BYTES",
        value_parser = body_limit
    )]
    pub body_limit: usize,
    /// How many bytes of spans may wait for their commit; beyond it senders are told to come back
    /// later (429).
    #[arg(
        long,
        env = "THROUGHLINE_WRITER_QUEUE_BYTES",
        default_value_t = 64 << 20,
        value_name = "BYTES"
    )]
    pub writer_queue_bytes: usize,
    /// How long what is kept.
    #[command(flatten)]
    pub retention: RetentionOptions,
    /// How much is kept.
    #[command(flatten)]
    pub storage: StorageOptions,
    /// The largest attribute value in bytes that is kept whole; beyond it the value is cut, with its
    /// true size told.
    #[arg(
        long,
        env = "THROUGHLINE_VALUE_LIMIT",
        default_value_t = 1 << 20,
        value_name = "BYTES",
        value_parser = value_limit
    )]
    pub value_limit: usize,
    /// The most spans a trace may have, and the most of it that may run at once; what comes beyond
    /// is refused, span by span.
    #[arg(
        long,
        env = "THROUGHLINE_TRACE_SPAN_LIMIT",
        default_value_t = 100_000,
        value_name = "SPANS",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub trace_span_limit: u64,
}

/// Which database.
#[derive(Debug, Args)]
pub struct DatabaseOptions {
    /// A Postgres database to use (`postgres://user:password@host/name`) instead of a private
    /// cluster in the data directory. Better set by the environment, where a list of processes
    /// does not show its password.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<Secret>,
    /// Where the private cluster is.
    #[command(flatten)]
    pub data_dir: DataDirOption,
}

/// Where data is kept.
#[derive(Debug, Args)]
pub struct DataDirOption {
    /// Folder of the private Postgres cluster. Default: /var/lib/throughline for root, else the
    /// platform's folder for a user's data, such as ~/.local/share/throughline. For root it must
    /// be one that the account `postgres` can reach.
    #[arg(long, env = "THROUGHLINE_DATA_DIR", value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
}

impl DataDirOption {
    /// The folder named, or the default one.
    pub fn path(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(|| {
            let folder = |name| env::var_os(name).filter(|value| !value.is_empty());
            let home = PathBuf::from(folder("HOME").unwrap_or_else(|| ".".into()));
            if nix::unistd::Uid::effective().is_root() {
                "/var/lib/throughline".into()
            } else if cfg!(target_os = "macos") {
                home.join("Library/Application Support/throughline")
            } else {
                folder("XDG_DATA_HOME")
                    .map_or_else(|| home.join(".local/share"), PathBuf::from)
                    .join("throughline")
            }
        })
    }
}

/// Text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("(secret)")
    }
}

fn value_limit(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|bytes| *bytes >= 64)
        .ok_or_else(|| "expected a number of bytes, 64 at least".to_owned())
}

/// What a batch of one small span takes.
const LEAST_BODY_LIMIT: usize = 1024;

fn body_limit(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|bytes| *bytes >= LEAST_BODY_LIMIT)
        .ok_or_else(|| format!("expected a number of bytes, {LEAST_BODY_LIMIT} at least"))
}

fn addr(text: &str) -> Result<SocketAddr, String> {
    let text = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    text.parse()
        .map_err(|_| "expected an address and a port, such as 127.0.0.1:3000".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_password_is_in_no_debug_text() {
        let cli = Cli::try_parse_from([
            "throughline",
            "serve",
            "--database-url",
            "postgres://u:hunter2@db/x",
        ]);
        let cli = cli.expect("valid");
        assert!(!format!("{cli:?}").contains("hunter2"));
        let Command::Serve(options) = cli.command else {
            panic!("serve")
        };
        let url = options.database.database_url.expect("given");
        assert_eq!(url.reveal(), "postgres://u:hunter2@db/x");
    }

    #[test]
    fn a_body_limit_has_space_for_a_span() {
        assert_eq!(body_limit("1024"), Ok(1024));
        for text in ["0", "1023", "-1", "x"] {
            let error = body_limit(text).expect_err("refused");
            assert_eq!(error, "expected a number of bytes, 1024 at least");
        }
    }

    #[test]
    fn a_value_limit_leaves_space_for_the_text_that_tells_the_true_size() {
        assert_eq!(value_limit("64"), Ok(64));
        assert!(value_limit("63").is_err());
        assert!(value_limit("1 MiB").is_err());
    }

    #[test]
    fn localhost_means_the_loopback_address() {
        assert_eq!(addr("localhost:80"), Ok(([127, 0, 0, 1], 80).into()));
        assert!(addr("example.com:80").is_err());
        assert!(addr("127.0.0.1").is_err());
    }
}
