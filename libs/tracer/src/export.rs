//! Exports ended spans: a bounded queue, and one thread that sends its spans to the collector.

mod answer;
mod backoff;
mod batch;
mod client;
mod flush;
mod notice;
mod queue;
mod sequence_tracker;
pub(crate) mod suppression;
mod worker;

pub(crate) use backoff::Backoff;
pub(crate) use client::Client;
pub(crate) use flush::Command;
pub use flush::Flushed;
pub use queue::Stats;
pub(crate) use queue::{Limits, Queue, Queued};
pub(crate) use worker::{Settings, start};

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;

/// The state shared by the layers and handles of one tracer. The worker ends when the last of them
/// is dropped.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) queue: Arc<Queue>,
    pub(crate) commands: UnboundedSender<Command>,
}
