//! Options of retention and of storage limits.

use clap::{Args, ValueEnum};
use throughline_model::{RetentionRules, TimeRange};
use throughline_wire::UnixNanos;

use super::DatabaseOptions;
use crate::tasks::StorageLimits;

/// Options for the retention rules.
#[derive(Debug, Clone, Args)]
pub struct RetentionOptions {
    /// Retention of traces without error or warning, and of events without a trace.
    #[arg(long, env = "THROUGHLINE_RETAIN_OK", default_value = "7d", value_name = "TIME", value_parser = time_ns)]
    pub retain_ok: i64,
    /// Retention of traces with an error or a warning.
    #[arg(long, env = "THROUGHLINE_RETAIN_ERRORS", default_value = "30d", value_name = "TIME", value_parser = time_ns)]
    pub retain_errors: i64,
    /// Retention of rollups.
    #[arg(long, env = "THROUGHLINE_RETAIN_ROLLUPS", default_value = "180d", value_name = "TIME", value_parser = time_ns)]
    pub retain_rollups: i64,
    /// Retention of everything in hours; overrides the three rules. Default in development mode: 24.
    #[arg(long, env = "TRACING_RETENTION_HOURS", value_name = "HOURS", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub retention_hours: Option<u32>,
    /// Tracing mode of this stack. `dev` sets the retention of everything to 24 hours; `off` and
    /// `sampled` change only senders.
    #[arg(long, env = "TRACING_MODE", value_enum)]
    pub tracing_mode: Option<TracingMode>,
}

/// The tracing mode of the stack that this server is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TracingMode {
    /// Senders send nothing.
    Off,
    /// Senders send everything, and the server keeps it for a day.
    Dev,
    /// Senders send a sample of the traces.
    Sampled,
}

impl RetentionOptions {
    /// The retention in development mode, in hours.
    const DEV_HOURS: u32 = 24;

    /// Returns the retention rules.
    pub fn rules(&self) -> RetentionRules {
        let is_dev = self.tracing_mode == Some(TracingMode::Dev);
        match self.retention_hours.or(is_dev.then_some(Self::DEV_HOURS)) {
            Some(hours) => RetentionRules::all(i64::from(hours) * UnixNanos::PER_HOUR),
            None => RetentionRules {
                ok_ns: self.retain_ok,
                error_ns: self.retain_errors,
                rollup_ns: self.retain_rollups,
            },
        }
    }
}

/// Options for the limits of storage.
#[derive(Debug, Clone, Args)]
pub struct StorageOptions {
    /// Size budget of the database, such as 20GB. From 80 % on the server warns, from 85 % on retention
    /// removes the oldest data early if that helps (not pinned traces), from 90 % on ingest responds
    /// 503.
    #[arg(long, env = "THROUGHLINE_STORAGE_BUDGET", value_name = "SIZE", value_parser = byte_count)]
    pub storage_budget: Option<u64>,
    /// The free space below which ingest responds with 503.
    #[command(flatten)]
    pub disk_reserve: DiskReserveOption,
}

impl StorageOptions {
    /// Returns the limits.
    pub fn limits(&self) -> StorageLimits {
        StorageLimits {
            budget_bytes: self.storage_budget,
            reserve_bytes: self.disk_reserve.bytes(),
        }
    }
}

/// The free space that must stay on the disk.
#[derive(Debug, Clone, Args)]
pub struct DiskReserveOption {
    /// Free space that must stay on the disk of the private cluster (default 5GB), or a tenth of a
    /// smaller disk. With less, ingest responds with 503, and an import, a backup, a restore or an
    /// erasure stops.
    #[arg(long, env = "THROUGHLINE_DISK_RESERVE", value_name = "SIZE", value_parser = byte_count)]
    disk_reserve: Option<u64>,
}

impl DiskReserveOption {
    /// Returns the bytes that must stay free.
    pub fn bytes(&self) -> u64 {
        self.disk_reserve
            .unwrap_or(StorageLimits::DEFAULT_RESERVE_BYTES)
    }
}

/// Options of `retention`.
#[derive(Debug, Args)]
pub struct RetentionCommand {
    /// Only print the report; remove nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Remove traces that ended longer ago than this, with or without error; overrides the rules for
    /// traces. Rollups follow their rule.
    #[arg(long, value_name = "TIME", value_parser = time_ns)]
    pub older_than: Option<i64>,
    /// Removes by the clock of this computer, whatever other clocks show. Give it if retention does
    /// not trust the clock and you know that it is right. Servers trust it from then on.
    #[arg(long)]
    pub trust_clock: bool,
    /// The rules.
    #[command(flatten)]
    pub retention: RetentionOptions,
    /// The run does not begin when half of this space is used.
    #[command(flatten)]
    pub disk_reserve: DiskReserveOption,
    /// The database. Without a URL: that of the server on the data directory.
    #[command(flatten)]
    pub database: DatabaseOptions,
}

impl RetentionCommand {
    /// Returns the rules of this run.
    pub fn rules(&self) -> RetentionRules {
        let rules = self.retention.rules();
        match self.older_than {
            Some(ns) => RetentionRules {
                ok_ns: ns,
                error_ns: ns,
                ..rules
            },
            None => rules,
        }
    }
}

/// Options of `storage`.
#[derive(Debug, Args)]
pub struct StorageCommand {
    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
    /// The limits to compare with.
    #[command(flatten)]
    pub storage: StorageOptions,
    /// The database. Without a URL: that of the server on the data directory.
    #[command(flatten)]
    pub database: DatabaseOptions,
}

/// Parses a duration such as `7d`, `24h` or `30m` into nanoseconds.
fn time_ns(text: &str) -> Result<i64, String> {
    match text.parse() {
        Ok(TimeRange::Last(ns)) if ns > 0 => Ok(ns),
        _ => Err("expected a duration such as 7d, 24h or 30m".to_owned()),
    }
}

const UNITS: [(&str, u64); 9] = [
    ("", 1),
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("MIB", 1 << 20),
    ("GIB", 1 << 30),
    ("TIB", 1 << 40),
];

/// Reads `20GB`, `1.5 TB`, `512MiB`; a bare number is bytes.
fn byte_count(text: &str) -> Result<u64, String> {
    let wrong = || "expected a size such as 20GB, 1.5TB or 512MiB".to_owned();
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let unit = unit.trim().to_ascii_uppercase();
    let (_, factor) = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or_else(wrong)?;
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let bytes = number * *factor as f64;
    if bytes.is_finite() && (1.0..u64::MAX as f64).contains(&bytes) {
        Ok(bytes as u64)
    } else {
        Err(wrong())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        retention: RetentionOptions,
    }

    fn rules(args: &[&str]) -> RetentionRules {
        let args = ["x"].iter().chain(args);
        Line::try_parse_from(args).expect("valid").retention.rules()
    }

    #[test]
    fn retention_rules_default_to_the_documented_values() {
        assert_eq!(rules(&[]), RetentionRules::default());
        let hours = |hours| RetentionRules::all(hours * UnixNanos::PER_HOUR);
        assert_eq!(rules(&["--tracing-mode", "dev"]), hours(24));
        assert_eq!(rules(&["--tracing-mode", "sampled"]), rules(&[]));
        assert_eq!(
            rules(&["--tracing-mode", "dev", "--retention-hours", "2"]),
            hours(2)
        );
        // A larger number overflows `i64` nanoseconds.
        assert_eq!(rules(&["--retention-hours", "1000000"]), hours(1_000_000));
        assert!(Line::try_parse_from(["x", "--retention-hours", "1000001"]).is_err());
        assert_eq!(
            rules(&["--retain-ok", "36h"]).ok_ns,
            36 * UnixNanos::PER_HOUR
        );
    }

    #[test]
    fn durations_and_sizes_are_parsed_or_rejected() {
        assert_eq!(time_ns("7d"), Ok(7 * UnixNanos::PER_DAY));
        assert!(time_ns("soon").is_err() && time_ns("0d").is_err());
        for (text, bytes) in [
            ("20GB", 20_000_000_000),
            ("1.5 tb", 1_500_000_000_000),
            ("512MiB", 512 << 20),
            ("7", 7),
        ] {
            assert_eq!(byte_count(text), Ok(bytes), "{text}");
        }
        for text in ["", "GB", "0GB", "-1GB", "1XB", "1e400"] {
            assert!(byte_count(text).is_err(), "{text}");
        }
    }
}
