#![doc = include_str!("../README.md")]

pub mod attribute;
pub mod batch;
pub mod id;
pub mod limits;
pub mod log;
pub mod repair;
pub mod resource;
pub mod semconv;
pub mod sequence;
pub mod span;
pub mod start;
pub mod time;
pub mod w3c;

pub use attribute::{AttributeValue, Attributes};
pub use batch::{BatchAnswer, ClientClock, Rejection, SpanBatch};
pub use id::{IdError, ProcessId, SessionId, SpanId, TenantId, TraceId};
pub use limits::Limits;
pub use log::LogRecord;
pub use repair::{Repair, RepairSet};
pub use resource::{InstrumentationScope, Resource};
pub use sequence::{BatchSequence, DropReason};
pub use span::{Span, SpanEvent, SpanKind, SpanLink, Status, StatusCode};
pub use start::SpanStart;
pub use time::UnixNanos;
