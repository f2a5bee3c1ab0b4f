//! The formats of files and of the elements in them.

use clap::ValueEnum;

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// OTLP: traces, logs, or both, as JSON or protobuf.
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
            Self::Otlp => "OTLP",
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
    ProtobufSpans,
    ProtobufLogs,
    Jaeger,
    Zipkin,
}

impl Kind {
    pub(super) const fn format(self) -> Format {
        match self {
            Self::OtlpSpans | Self::OtlpLogs | Self::ProtobufSpans | Self::ProtobufLogs => {
                Format::Otlp
            }
            Self::Jaeger => Format::Jaeger,
            Self::Zipkin => Format::Zipkin,
        }
    }
}
