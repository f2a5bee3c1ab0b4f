//! Options of `import` and `export`.

use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};
use throughline_model::{TraceFilter, ids};
use throughline_wire::TraceId;

use super::DatabaseOptions;
use crate::import::Format;

/// Options of `import`.
#[derive(Debug, Args)]
pub struct ImportOptions {
    /// The files, plain, gzip or zstd; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Take the files for this format; told by what they contain unless said.
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// How long the database may be away or overloaded before the import gives up, in seconds.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "300",
        value_parser = seconds
    )]
    pub timeout: Duration,
    /// The database.
    #[command(flatten)]
    pub database: DatabaseOptions,
}

/// Options of `export`.
#[derive(Debug, Args)]
pub struct ExportOptions {
    /// A trace by its id; may be repeated. The filter is not asked then.
    #[arg(long = "trace", value_name = "ID", value_parser = trace_id)]
    pub traces: Vec<TraceId>,
    /// Which traces, newest first; the last hour unless said.
    #[command(flatten)]
    pub filter: FilterOptions,
    /// At most so many traces.
    #[arg(long, value_name = "TRACES", conflicts_with = "traces")]
    pub limit: Option<u64>,
    /// Where to: compressed when it ends in `.gz` or `.zst`. Default: standard output.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// One JSON document instead of one a line.
    #[arg(long)]
    pub document: bool,
    /// The database.
    #[command(flatten)]
    pub database: DatabaseOptions,
}

/// The words of the list of traces, as options: `--range 7d --service shop --status error`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilterOptions(pub Option<Box<TraceFilter>>);

impl FilterOptions {
    /// The name of the option for `key`. Leaked, because clap keeps names as long as the program
    /// runs: a few dozen bytes, once.
    fn option(key: &str) -> &'static str {
        key.replace('_', "-").leak()
    }

    /// The name by which clap knows it: its own, so that no other option is meant.
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
                // `--attr KEY=VALUE` more than once; of the others the last one counts.
                .action(ArgAction::Append)
                .help(format!("As {key} of the list of traces"))
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
        let filter = TraceFilter::from_query(pairs, &[])
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
    fn an_export_takes_the_words_of_the_list() {
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
    fn what_no_list_understands_is_refused_in_its_words() {
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
