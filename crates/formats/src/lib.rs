//! Decodes and encodes foreign wire formats: OTLP, Zipkin and Jaeger.
//!
//! Ingest, import, load generation and the fuzz targets share this crate. It has no I/O, no clock
//! and no async code. A decoder returns a [`Request`]. Its method [`validate`](Request::validate)
//! reports for each item whether it can be stored.

mod capped;
mod error;
pub mod jaeger;
mod lenient;
pub mod otlp;
mod part;
mod request;
mod signal;
pub mod zipkin;

pub use error::DecodeError;
pub use request::{Request, Validated};
pub use signal::Signal;
pub use throughline_codec::group::SpanGroup;
