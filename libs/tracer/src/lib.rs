#![doc = include_str!("../README.md")]

mod active;
#[cfg(feature = "axum")]
pub mod axum;
mod builder;
mod carrier;
mod clock;
mod context;
mod exception;
mod export;
mod ids;
mod job;
mod layer;
mod memory;
mod number_set;
mod numbers;
mod propagation;
mod record;
mod sampler;
mod tracer;

pub use builder::TracerBuilder;
pub use carrier::Carrier;
pub use context::SpanContext;
pub use export::{Flushed, Stats};
pub use job::{Job, enqueue};
pub use propagation::{current, trace_headers};
pub use record::{record, record_error};
pub use sampler::Mode;
/// The types of the wire format: ids, attribute values, attribute names.
pub use throughline_wire as wire;
pub use tracer::{BuildError, Tracer};
