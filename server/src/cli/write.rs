//! Options of the commands that store spans: `serve` and `import`.

use clap::Args;
use throughline_store::StoreOptions;
use throughline_wire::Limits;

use super::{RetentionOptions, StorageOptions};
use crate::clock::Clock;

/// Options for the limits of what is stored. They are the same for every command that stores spans.
#[derive(Debug, Clone, Args)]
pub struct WriteOptions {
    /// Maximum size in bytes of the spans that wait for their commit. The server responds 429 with
    /// `Retry-After` while the queue is full.
    #[arg(
        long,
        env = "THROUGHLINE_WRITER_QUEUE_BYTES",
        default_value_t = 64 << 20,
        value_name = "BYTES"
    )]
    pub writer_queue_bytes: usize,
    /// The retention rules.
    #[command(flatten)]
    pub retention: RetentionOptions,
    /// The limits of storage.
    #[command(flatten)]
    pub storage: StorageOptions,
    /// Maximum size of an attribute value in bytes; at least 64. Longer values are truncated, and
    /// their original size is stored.
    #[arg(
        long,
        env = "THROUGHLINE_VALUE_LIMIT",
        default_value_t = 1 << 20,
        value_name = "BYTES",
        value_parser = value_limit
    )]
    pub value_limit: usize,
    /// Maximum number of spans of a trace, and of its running spans. Further spans are rejected, each
    /// with a reason.
    #[arg(
        long,
        env = "THROUGHLINE_TRACE_SPAN_LIMIT",
        default_value_t = 100_000,
        value_name = "SPANS",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub trace_span_limit: u64,
}

impl WriteOptions {
    /// Returns the limits of a span.
    pub fn limits(&self) -> Limits {
        Limits {
            value_bytes: self.value_limit,
            ..Limits::default()
        }
    }

    /// Returns the options of the store, whose time is that of `clock`.
    pub fn store_options(&self, clock: &Clock) -> StoreOptions {
        let clock = clock.clone();
        StoreOptions {
            queue_bytes: self.writer_queue_bytes,
            trace_span_limit: self.trace_span_limit,
            rules: self.retention.rules(),
            ..StoreOptions::new(move || clock.now())
        }
    }
}

fn value_limit(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|bytes| *bytes >= 64)
        .ok_or_else(|| "expected a number of bytes, at least 64".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_limit_below_the_size_of_the_truncation_note_is_rejected() {
        assert_eq!(value_limit("64"), Ok(64));
        assert!(value_limit("63").is_err());
        assert!(value_limit("1 MiB").is_err());
    }
}
