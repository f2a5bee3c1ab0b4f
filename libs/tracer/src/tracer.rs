//! The handle of a running tracer.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::oneshot;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::export::{Command, Flushed, Pipe, Stats};
use crate::layer::{Options, SpanLayer, Switch, Wanted};

/// The reason why a tracer cannot be built.
#[derive(Debug, Error)]
pub enum BuildError {
    /// The endpoint is invalid.
    #[error("endpoint {endpoint:?}: {why}")]
    Endpoint {
        /// The endpoint as configured.
        endpoint: String,
        /// The error message.
        why: String,
    },
    /// The sample rate is outside 0 to 1.
    #[error("invalid sample rate {0:?} (TRACING_SAMPLE_RATE): expected a number from 0 to 1")]
    SampleRate(String),
    /// An environment variable has an unknown value.
    #[error("unknown value {value:?} of the environment variable {name}")]
    Variable {
        /// The name of the variable.
        name: &'static str,
        /// The value of the variable.
        value: String,
    },
    /// The operating system cannot create a thread or sockets for the exporter.
    #[error("cannot start the exporter: {0}")]
    Thread(#[source] std::io::Error),
}

/// A running tracer: creates layers, reports statistics, flushes. Clones share one tracer.
///
/// When the last clone is dropped, queued spans are sent for at most one second. The layers
/// continue to record.
#[derive(Debug, Clone)]
pub struct Tracer(Option<Arc<Running>>);

struct Running {
    options: Options,
    pipe: Arc<Pipe>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("options", &self.options)
            .field("stats", &self.pipe.queue.stats())
            .finish()
    }
}

impl Tracer {
    pub(crate) fn on(options: Options, pipe: Arc<Pipe>) -> Self {
        Self(Some(Arc::new(Running { options, pipe })))
    }

    pub(crate) const fn off() -> Self {
        Self(None)
    }

    /// Returns true if the tracer records anything.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Returns the layer that records. Add it to a `tracing_subscriber::registry()`.
    ///
    /// The layer has its own filter. A filter that is added to the whole subscriber, such as
    /// `.with(EnvFilter::from_default_env())`, hides spans from this layer. Attach it to the layer
    /// that prints instead: `fmt::layer().with_filter(...)`.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + 'static
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let layer = self
            .0
            .as_ref()
            .map(|running| SpanLayer::new(running.options.clone(), Arc::clone(&running.pipe)));
        let wanted = self
            .0
            .as_ref()
            .map_or(Wanted::NOTHING, |running| running.options.wanted);
        Switch(layer).with_filter(wanted)
    }

    /// Returns counts of the spans so far.
    pub fn stats(&self) -> Stats {
        self.0
            .as_ref()
            .map(|running| running.pipe.queue.stats())
            .unwrap_or_default()
    }

    /// Sends the queued spans, within at most `timeout`. Runs on any async runtime.
    pub async fn flush(&self, timeout: Duration) -> Flushed {
        self.command(timeout, false).await
    }

    /// Sends the queued spans, within at most `timeout`, and stops the exporter. Later spans are
    /// lost. Call it at the end of `main`. Runs on any async runtime.
    pub async fn shutdown(&self, timeout: Duration) -> Flushed {
        self.command(timeout, true).await
    }

    async fn command(&self, timeout: Duration, stop: bool) -> Flushed {
        let Some(running) = &self.0 else {
            return Flushed { unsent: 0 };
        };
        let (sender, outcome) = oneshot::channel();
        running.ask(timeout, stop, move |flushed| {
            // The receiver may be dropped: the caller stopped waiting.
            let _ = sender.send(flushed);
        });
        outcome.await.unwrap_or_else(|_| running.left())
    }
}

impl Running {
    fn ask(&self, timeout: Duration, stop: bool, done: impl FnOnce(Flushed) + Send + 'static) {
        let command = Command {
            deadline: Instant::now() + timeout,
            stop,
            done: Box::new(done),
        };
        // If the worker has ended, `done` is dropped, and its receiver returns an error.
        let _ = self.pipe.commands.send(command);
    }

    /// Returns the result of a flush after the worker has ended.
    fn left(&self) -> Flushed {
        Flushed {
            unsent: self.pipe.queue.stats().queued as u64,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        const TIMEOUT: Duration = Duration::from_secs(1);
        if self.pipe.queue.stats().queued == 0 {
            return;
        }
        let (sender, outcome) = sync_channel(1);
        self.ask(TIMEOUT, false, move |flushed| {
            let _ = sender.send(flushed);
        });
        let _ = outcome.recv_timeout(TIMEOUT);
    }
}
