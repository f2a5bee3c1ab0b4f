//! The wire formats of others, read into Throughline's types and written from them.
//!
//! Ingest, import, load generation and the fuzz targets read the same bytes: here is the one place
//! that knows how. Pure: no I/O, no clock, nothing async. A decoder returns a [`Request`], whose
//! [`validate`](Request::validate) tells what can be stored and what cannot, one by one.

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
