//! Spans of background jobs: a producer span that queues the job and a consumer span that runs it.

use std::borrow::Cow;
use std::time::SystemTime;

use throughline_wire::{SpanKind, UnixNanos, semconv};

use crate::Carrier;
use crate::clock::{Tick, unix_ns};
use crate::layer::settings::{SpanSettings, start_with};

/// A builder for the span of a job. [`Job::start`] starts the span.
#[derive(Debug)]
#[must_use = "`start` starts the span"]
pub struct Job {
    settings: SpanSettings,
    name: Cow<'static, str>,
}

impl Carrier {
    /// Creates the span of running the job `name`: a consumer span, child of the span that queued
    /// it. `name` must have low cardinality: `send-confirmation`, without an id.
    pub fn job(&self, name: impl Into<Cow<'static, str>>) -> Job {
        Job::new(self.settings(), SpanKind::Consumer, name.into())
    }
}

/// Creates the span of queueing the job `name`: a producer span, child of the current span. Queue
/// the job within this span. The carrier then names it as the parent, and the waiting time shows
/// between the two spans.
///
/// ```
/// use tracing::Instrument;
///
/// # async fn insert(_: throughline::Carrier) {}
/// # async fn queue() {
/// let span = throughline::enqueue("send-confirmation").queue("jobs").start();
/// async { insert(throughline::Carrier::current()).await }.instrument(span).await;
/// # }
/// ```
pub fn enqueue(name: impl Into<Cow<'static, str>>) -> Job {
    Job::new(SpanSettings::default(), SpanKind::Producer, name.into())
}

impl Job {
    fn new(mut settings: SpanSettings, kind: SpanKind, name: Cow<'static, str>) -> Self {
        let (verb, operation) = match kind {
            SpanKind::Producer => ("queue", "send"),
            _ => ("process", "process"),
        };
        settings.kind = kind;
        settings.name = Some(format!("{verb} {name}").into());
        settings
            .attributes
            .insert(semconv::MESSAGING_OPERATION_TYPE, operation);
        Self { settings, name }
    }

    fn set(
        mut self,
        key: &'static str,
        value: impl Into<throughline_wire::AttributeValue>,
    ) -> Self {
        self.settings.attributes.insert(key, value);
        self
    }

    /// Sets the name of the queue or of the job table (`messaging.destination.name`).
    pub fn queue(self, name: impl Into<Cow<'static, str>>) -> Self {
        self.set(semconv::MESSAGING_DESTINATION_NAME, name.into())
    }

    /// Sets the system behind the queue (`messaging.system`): `postgresql`, `kafka`.
    pub fn system(self, name: impl Into<Cow<'static, str>>) -> Self {
        self.set(semconv::MESSAGING_SYSTEM, name.into())
    }

    /// Sets the id of the job (`messaging.message.id`).
    pub fn id(self, id: impl ToString) -> Self {
        self.set(semconv::MESSAGING_MESSAGE_ID, id.to_string())
    }

    /// Sets the number of this attempt, from 1, and the maximum number of attempts.
    pub fn attempt(self, attempt: u32, most: u32) -> Self {
        self.set(semconv::JOB_ATTEMPT, attempt)
            .set(semconv::JOB_MAX_ATTEMPTS, most)
    }

    /// Sets the time when the job became due; the span records the waiting time since then. A time
    /// in the future counts as no wait.
    pub fn queued_at(self, at: impl Into<SystemTime>) -> Self {
        let queued = UnixNanos::new(unix_ns(at.into()));
        let wait_ns = Tick::now().wall().since(queued).max(0);
        self.set(semconv::JOB_QUEUE_WAIT_NS, wait_ns)
    }

    /// Starts the span. It ends when its last handle is dropped, or when the future it instruments
    /// is complete.
    pub fn start(self) -> tracing::Span {
        let name = self.name;
        start_with(self.settings, || {
            tracing::info_span!("job", { semconv::JOB_NAME } = &*name)
        })
    }
}
