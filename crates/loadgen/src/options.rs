//! The options of a run.

use std::num::{NonZeroU32, NonZeroU64};

use clap::{Parser, ValueEnum};

/// Sends a fixed, seeded number of spans to a server and accounts for each of them.
#[derive(Debug, Clone, Parser)]
#[command(name = "throughline-loadgen", version)]
pub struct LoadOptions {
    /// Origin of the server, such as `http://127.0.0.1:3000`. With `--format otlp-grpc` it is the
    /// origin of the gRPC port, such as `http://127.0.0.1:4317`.
    #[arg(long)]
    pub url: String,
    /// Format of the requests, which selects the receiver.
    #[arg(long, value_enum, default_value = "otlp-protobuf")]
    pub format: Format,
    /// Size of a span.
    #[arg(long, value_enum, default_value = "m")]
    pub shape: Shape,
    /// Number of spans, rounded up to whole requests.
    #[arg(long, default_value = "200000")]
    pub spans: NonZeroU64,
    /// Spans per request, in traces of ten, rounded up to whole traces.
    #[arg(long, default_value = "510")]
    pub per_request: NonZeroU32,
    /// Concurrent requests, each on its own connection.
    #[arg(long, default_value = "8")]
    pub clients: NonZeroU32,
    /// Seed of the generator. The same seed gives the same ids and texts.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Percent of spans that arrive one request after the rest of their trace.
    #[arg(long, default_value_t = 5.0)]
    pub late_percent: f64,
    /// Percent of requests that are sent twice.
    #[arg(long, default_value_t = 1.0)]
    pub duplicate_percent: f64,
    /// Percent of spans that are malformed: all digits of their trace id are zero.
    #[arg(long, default_value_t = 0.1)]
    pub malformed_percent: f64,
    /// One large trace of 10,000 spans per this many spans; 0 for none.
    #[arg(long, default_value_t = 200_000)]
    pub large_trace_every: u64,
    /// Compress requests with gzip. This needs much CPU in the generator.
    #[arg(long)]
    pub gzip: bool,
    /// Maximum rate in spans per second. Default: no limit.
    #[arg(long)]
    pub rate: Option<NonZeroU32>,
    /// Timeout for the retries of one request, in seconds. After it, the spans count as refused.
    #[arg(long, default_value_t = 120)]
    pub timeout_s: u64,
    /// Start of the first span, in ns since 1970. Default: one minute ago. With the seed it
    /// determines every byte that is sent.
    #[arg(long)]
    pub begin_ns: Option<i64>,
    /// Print the report as one line of JSON.
    #[arg(long)]
    pub json: bool,
}

/// The format of the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// `POST /api/trace-log`.
    Native,
    /// OTLP/HTTP with protobuf.
    OtlpProtobuf,
    /// OTLP/HTTP with JSON.
    OtlpJson,
    /// OTLP/gRPC.
    OtlpGrpc,
}

impl Format {
    /// Reports whether the format is a text.
    pub(super) const fn is_text(self) -> bool {
        match self {
            Self::Native | Self::OtlpJson => true,
            Self::OtlpProtobuf | Self::OtlpGrpc => false,
        }
    }
}

/// The size of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// 3 attributes.
    S,
    /// 11 attributes, about 450 bytes of protobuf.
    M,
    /// 30 attributes and 2 events, about 2 kB of protobuf.
    L,
    /// 11 attributes, about 500 bytes of protobuf. The values differ from span to span, like those
    /// of an application. All requests are encoded in memory before the first one is sent.
    Varied,
}
