//! The command line. Each option has an environment variable too.

mod backup;
mod erase;
mod retention;
mod transfer;
mod write;

use std::env;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use self::backup::{BackupCommand, RestoreCommand};
pub use self::erase::EraseCommand;
pub use self::transfer::{ExportOptions, FilterOptions, ImportOptions};
pub use self::write::WriteOptions;
use crate::ingest::Origin;
use crate::telemetry::LogFormat;

pub use self::retention::{
    DiskReserveOption, RetentionCommand, RetentionOptions, StorageCommand, StorageOptions,
    TracingMode,
};
use self::transfer::trace_id;

const EXAMPLES: &str = "\
Examples:
  throughline serve
      Starts the panel at http://127.0.0.1:3000, OTLP/HTTP at http://127.0.0.1:4318, and a private
      Postgres in the data directory.
  DATABASE_URL=postgres://me:secret@db/traces throughline serve
      Uses that database instead (Postgres 15 or later).
  OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 my-service
      Any OpenTelemetry SDK sends here as it is (OTLP over HTTP, protobuf or JSON); over gRPC to
      http://127.0.0.1:4317.

RUST_LOG sets the log filter, such as RUST_LOG=debug or RUST_LOG=warn,throughline_store=debug.";

/// Click-to-waterfall tracing: ingest, store and control panel in one program.
#[derive(Debug, Parser)]
#[command(name = "throughline", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
    /// Format of log lines. Default: text on a terminal, JSON if the output is not a terminal.
    #[arg(long, global = true, value_enum, env = "THROUGHLINE_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// The commands of the program.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server until Ctrl-C or SIGTERM; then finish the requests in flight and stop.
    Serve(ServeOptions),
    /// Migrate the database to the newest schema and print the applied migrations. `serve` does this
    /// at its start.
    Migrate(DatabaseOptions),
    /// Remove expired data now and print a report; with --dry-run only print it. `serve` does this
    /// every 15 minutes.
    Retention(RetentionCommand),
    /// Erase the given traces now, pinned or not, and print a report. Ingest and reads continue.
    Erase(EraseCommand),
    /// Print the size of the database by table, operation and attribute.
    Storage(StorageCommand),
    /// Write a consistent copy of the whole database to one file. The server may run meanwhile.
    Backup(BackupCommand),
    /// Restore a file of `backup` into an empty database or a new data directory.
    Restore(RestoreCommand),
    /// Import files of OTLP (JSON, also newline-delimited, and protobuf), Jaeger JSON or Zipkin v2 JSON. Items that
    /// are stored already count as duplicates, so the same file may be imported twice.
    Import(ImportOptions),
    /// Export traces as OTLP JSON. An import of the file restores the same traces.
    Export(ExportOptions),
    /// Run only the private Postgres until Ctrl-C or SIGTERM. Prints `DATABASE_URL=...` once it is
    /// ready.
    Postgres(DataDirOption),
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub struct ServeOptions {
    /// Address of the panel, the API, native ingest and OTLP/HTTP. Loopback only: there is no sign-in
    /// yet, so every client can read every trace. From another machine, use an SSH tunnel, or a
    /// reverse proxy with its own sign-in on this machine.
    #[arg(long, env = "THROUGHLINE_ADDR", default_value = "127.0.0.1:3000", value_parser = addr)]
    pub addr: SocketAddr,
    /// Second address of OTLP/HTTP: the default port of OpenTelemetry SDKs.
    #[arg(
        long,
        env = "THROUGHLINE_OTLP_ADDR",
        default_value = "127.0.0.1:4318",
        value_parser = addr
    )]
    pub otlp_addr: SocketAddr,
    /// Address of OTLP/gRPC: the default port of OpenTelemetry SDKs.
    #[arg(
        long,
        env = "THROUGHLINE_OTLP_GRPC_ADDR",
        default_value = "127.0.0.1:4317",
        value_parser = addr
    )]
    pub otlp_grpc_addr: SocketAddr,
    /// Origin whose pages may send, such as `https://shop.example`. May be repeated, or separated by
    /// commas. Pages of all other origins are refused then. Default: pages of every origin may send.
    #[arg(
        long = "allow-origin",
        env = "THROUGHLINE_ALLOW_ORIGIN",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    pub allow_origins: Vec<Origin>,
    /// The database.
    #[command(flatten)]
    pub database: DatabaseOptions,
    /// Maximum size of a request body in bytes, as sent and decompressed; at least 1024. The server
    /// responds 413 to larger ones.
    #[arg(
        long,
        env = "THROUGHLINE_BODY_LIMIT",
        default_value_t = 20 << 20,
        value_name = "BYTES",
        value_parser = body_limit
    )]
    pub body_limit: usize,
    /// The limits of what is stored.
    #[command(flatten)]
    pub write: WriteOptions,
}

/// Options that select the database.
#[derive(Debug, Args)]
pub struct DatabaseOptions {
    /// URL of a Postgres database (`postgres://user:password@host/name`) to use instead of the private
    /// cluster. Set it in the environment: a list of processes shows the password of an option.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<Secret>,
    /// The data directory.
    #[command(flatten)]
    pub data_dir: DataDirOption,
}

impl DatabaseOptions {
    /// Returns the folder of the private cluster, whose disk the program watches; `None` for a
    /// database that was given by its URL.
    pub fn private_folder(&self) -> Option<PathBuf> {
        self.database_url.is_none().then(|| self.data_dir.path())
    }
}

/// The option for the data directory.
#[derive(Debug, Args)]
pub struct DataDirOption {
    /// Folder of the private Postgres cluster. Default: /var/lib/throughline for root, else the
    /// platform's folder for user data, such as ~/.local/share/throughline. For root, the account
    /// `postgres` must have access to it.
    #[arg(long, env = "THROUGHLINE_DATA_DIR", value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
}

impl DataDirOption {
    /// Returns the given folder, or the default one.
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

/// A text that `Debug` does not print, such as a URL with a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Returns the text.
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

/// The size of a batch of one small span, in bytes.
const LEAST_BODY_LIMIT: usize = 1024;

fn body_limit(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|bytes| *bytes >= LEAST_BODY_LIMIT)
        .ok_or_else(|| format!("expected a number of bytes, at least {LEAST_BODY_LIMIT}"))
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
    fn the_command_line_definition_is_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_password_is_not_in_debug_output() {
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
    fn a_body_limit_below_the_size_of_a_span_is_rejected() {
        assert_eq!(body_limit("1024"), Ok(1024));
        for text in ["0", "1023", "-1", "x"] {
            let error = body_limit(text).expect_err("refused");
            assert_eq!(error, "expected a number of bytes, at least 1024");
        }
    }

    #[test]
    fn localhost_means_the_loopback_address() {
        assert_eq!(addr("localhost:80"), Ok(([127, 0, 0, 1], 80).into()));
        assert!(addr("example.com:80").is_err());
        assert!(addr("127.0.0.1").is_err());
    }
}
