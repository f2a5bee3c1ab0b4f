//! Options of `import` and `export`.

use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};
use throughline_model::{Query, TraceFilter, ids};
use throughline_wire::TraceId;

use super::{DatabaseOptions, WriteOptions};
use crate::import::Format;

/// Options of `import`.
#[derive(Debug, Args)]
pub struct ImportOptions {
    /// Files to import: plain, gzip or zstd; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Format of the files. Default: detected from their content.
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Time in seconds after which the import stops if the database is unavailable or overloaded.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "300",
        value_parser = seconds
    )]
    pub timeout: Duration,
    /// The limits of what is stored, as for `serve`. The import stops when the storage is full.
    #[command(flatten)]
    pub write: WriteOptions,
    /// The database.
    #[command(flatten)]
    pub database: DatabaseOptions,
}

/// Options of `export`.
#[derive(Debug, Args)]
pub struct ExportOptions {
    /// Trace id. May be repeated. Excludes the filter options.
    #[arg(long = "trace", value_name = "ID", value_parser = trace_id)]
    pub traces: Vec<TraceId>,
    /// The filter for traces, newest first. Default: the last hour.
    #[command(flatten)]
    pub filter: FilterOptions,
    /// Maximum number of traces.
    #[arg(long, value_name = "TRACES", conflicts_with = "traces")]
    pub limit: Option<u64>,
    /// Output file, compressed if its name ends in `.gz` or `.zst`. Default: standard output.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write one JSON document instead of one document a line.
    #[arg(long)]
    pub document: bool,
    /// The database.
    #[command(flatten)]
    pub database: DatabaseOptions,
}

/// The filter parameters of the list of traces, as options such as `--range 7d --service shop`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilterOptions(pub Option<Box<TraceFilter>>);

impl FilterOptions {
    /// Returns the name of the option for `key`. It is leaked, because clap needs a `'static` name: a
    /// few dozen bytes, once.
    fn option(key: &str) -> &'static str {
        key.replace('_', "-").leak()
    }

    /// Returns the id of the option in clap. The prefix avoids a clash with other options.
    fn id(key: &str) -> &'static str {
        format!("filter_{key}").leak()
    }
}

impl Args for FilterOptions {
    fn augment_args(command: Command) -> Command {
        TraceFilter::KEYS.iter().fold(command, |command, key| {
            let option = Arg::new(Self::id(key))
                .long(Self::option(key))
                .value_name("VALUE")
                // `--attr KEY=VALUE` may be repeated. Of the other options the last one counts.
                .action(ArgAction::Append)
                .help(format!("Parameter {key} of the list of traces"))
                .help_heading("Filter")
                .conflicts_with("traces");
            command.arg(option)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for FilterOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut options = Self::default();
        options.update_from_arg_matches(matches)?;
        Ok(options)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        let pairs = TraceFilter::KEYS.iter().flat_map(|key| {
            let values = matches.get_many::<String>(Self::id(key));
            values
                .into_iter()
                .flatten()
                .map(|value| (*key, value.as_str()))
        });
        let filter = pairs
            .collect::<Query>()
            .decode(TraceFilter::decode)
            .strict()
            .map_err(|reason| Error::raw(ErrorKind::ValueValidation, format!("{reason}\n")))?;
        self.0 = Some(Box::new(filter));
        Ok(())
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .map(Duration::from_secs)
        .map_err(|_| "expected a whole number of seconds".to_owned())
}

pub(super) fn trace_id(text: &str) -> Result<TraceId, String> {
    ids::parse_trace_id(text).map_err(|error| format!("the id {error}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use throughline_model::StatusFilter;

    use super::super::{Cli, Command};
    use super::*;

    fn export(arguments: &[&str]) -> Result<ExportOptions, Error> {
        let arguments = ["throughline", "export"].iter().chain(arguments);
        match Cli::try_parse_from(arguments)?.command {
            Command::Export(options) => Ok(options),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_export_accepts_the_filters_of_the_list() {
        let options = export(&[
            "--status",
            "error",
            "--min-duration",
            "2s",
            "--range",
            "7d",
            "--attr",
            "a=1",
            "--attr",
            "b=2",
        ]);
        let filter = options.expect("valid").filter.0.expect("a filter");
        assert_eq!(filter.status, Some(StatusFilter::Error));
        assert_eq!(filter.min_duration_ns, Some(2_000_000_000));
        assert_eq!(filter.range.to_string(), "7d");
        assert_eq!(filter.attributes.len(), 2);
    }

    #[test]
    fn an_invalid_filter_is_rejected_with_the_message_of_the_list() {
        let error = export(&["--status", "odd"]).expect_err("refused");
        assert!(
            error.to_string().contains("neither ok nor error"),
            "{error}"
        );
        assert!(export(&["--trace", "12"]).is_err());
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert!(export(&["--trace", id, "--service", "shop"]).is_err());
        assert_eq!(export(&["--trace", id]).expect("valid").traces.len(), 1);
        for id in ["b1c2d3e4f5061728", "4BF92F35-77B3-4DA6-A3CE-929D0E0E4736"] {
            assert_eq!(export(&["--trace", id]).expect("valid").traces.len(), 1);
        }
    }
}
