//! What to send, how much of it and where to.

use std::num::{NonZeroU32, NonZeroU64};

use clap::{Parser, ValueEnum};

/// Sends a fixed, seeded amount of spans to a server and accounts for each.
#[derive(Debug, Clone, Parser)]
#[command(name = "throughline-loadgen", version)]
pub struct LoadOptions {
    /// Origin of the server, such as `http://127.0.0.1:3000`; that of its port for gRPC, such as
    /// `http://127.0.0.1:4317`, with `--format otlp-grpc`.
    #[arg(long)]
    pub url: String,
    /// How spans are written, and so which receiver they take.
    #[arg(long, value_enum, default_value = "otlp-protobuf")]
    pub format: Format,
    /// How large a span is.
    #[arg(long, value_enum, default_value = "m")]
    pub shape: Shape,
    /// How many spans; rounded up to whole requests.
    #[arg(long, default_value = "200000")]
    pub spans: NonZeroU64,
    /// Spans of a request, in traces of ten; rounded up to whole traces.
    #[arg(long, default_value = "510")]
    pub per_request: NonZeroU32,
    /// Requests in flight at once, each on its own connection.
    #[arg(long, default_value = "8")]
    pub clients: NonZeroU32,
    /// The same seed makes the same ids and texts.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Percent of spans that arrive one request after the rest of their trace.
    #[arg(long, default_value_t = 5.0)]
    pub late_percent: f64,
    /// Percent of requests that are sent twice.
    #[arg(long, default_value_t = 1.0)]
    pub duplicate_percent: f64,
    /// Percent of spans that are malformed: their trace id is all zero.
    #[arg(long, default_value_t = 0.1)]
    pub malformed_percent: f64,
    /// Of so many spans, 10,000 are one trace; 0 for none.
    #[arg(long, default_value_t = 200_000)]
    pub large_trace_every: u64,
    /// Compress requests; costs the generator a lot.
    #[arg(long)]
    pub gzip: bool,
    /// Spans a second at most; as fast as it goes when left out.
    #[arg(long)]
    pub rate: Option<NonZeroU32>,
    /// How long one request is tried again, in seconds, before its spans count as refused.
    #[arg(long, default_value_t = 120)]
    pub timeout_s: u64,
    /// When the first span began, in ns since 1970; a minute ago when left out. With the seed it
    /// decides every byte that is sent.
    #[arg(long)]
    pub begin_ns: Option<i64>,
    /// Print the report as one line of JSON.
    #[arg(long)]
    pub json: bool,
}

/// How spans are written.
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
    /// Whether it is written as text.
    pub(super) const fn is_text(self) -> bool {
        match self {
            Self::Native | Self::OtlpJson => true,
            Self::OtlpProtobuf | Self::OtlpGrpc => false,
        }
    }
}

/// How large a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// 3 attributes.
    S,
    /// 11 attributes, about 450 bytes of protobuf.
    M,
    /// 30 attributes and 2 events, about 2 kB of protobuf.
    L,
    /// 11 attributes, about 500 bytes of protobuf, with values that differ from span to span as those
    /// of an application do. Every request is written before the first is sent, in memory.
    Varied,
}
