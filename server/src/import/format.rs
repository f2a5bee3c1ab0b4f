//! The formats of files and of the elements in them.

use clap::ValueEnum;

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// OTLP JSON: traces, logs, or both.
    Otlp,
    /// Jaeger JSON, as its UI downloads it.
    Jaeger,
    /// Zipkin v2 JSON.
    Zipkin,
}

impl Format {
    /// Returns its name for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Otlp => "OTLP JSON",
            Self::Jaeger => "Jaeger JSON",
            Self::Zipkin => "Zipkin JSON",
        }
    }
}

/// The kind of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    OtlpSpans,
    OtlpLogs,
    Jaeger,
    Zipkin,
}

impl Kind {
    pub(super) const fn format(self) -> Format {
        match self {
            Self::OtlpSpans | Self::OtlpLogs => Format::Otlp,
            Self::Jaeger => Format::Jaeger,
            Self::Zipkin => Format::Zipkin,
        }
    }
}
