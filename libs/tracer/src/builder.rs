//! The configuration of a tracer, from code and environment variables.

mod env;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use throughline_wire::{AttributeValue, Attributes, InstrumentationScope, Resource, semconv};
use tokio::sync::mpsc::unbounded_channel;
use tracing::level_filters::LevelFilter;

use crate::export::{Backoff, Client, Limits, Pipe, Queue, Settings, start};
use crate::layer::{Options, Wanted};
use crate::{BuildError, Mode, Tracer, ids};

impl Tracer {
    /// Returns a builder for a tracer of the service named `service` (`service.name`).
    /// `OTEL_SERVICE_NAME` overrides the name.
    pub fn builder(service: impl Into<Cow<'static, str>>) -> TracerBuilder {
        TracerBuilder::new(service.into())
    }
}

/// A builder for a [`Tracer`]. Environment variables override the values set in code.
#[derive(Debug, Clone)]
#[must_use = "`build` starts the recording"]
pub struct TracerBuilder {
    resource: Attributes,
    endpoint: Cow<'static, str>,
    key: Option<String>,
    options: Options,
    limits: Limits,
    interval: Duration,
    announce_after: Duration,
    backoff: Backoff,
}

impl TracerBuilder {
    pub(crate) fn new(service: Cow<'static, str>) -> Self {
        let mut resource = Attributes::default();
        resource.insert(semconv::SERVICE_NAME, service);
        Self {
            resource,
            endpoint: Cow::Borrowed("http://127.0.0.1:3000"),
            key: None,
            options: Options {
                mode: Mode::default(),
                wanted: Wanted {
                    level: LevelFilter::INFO,
                    statements: true,
                },
                errors_fail_spans: true,
                code_location: true,
                thread_ids: false,
                database: Cow::Borrowed("postgresql"),
            },
            limits: Limits {
                spans: 16_384,
                bytes: 8 << 20,
                batch: 512,
            },
            interval: Duration::from_secs(1),
            announce_after: Duration::from_secs(1),
            backoff: Backoff {
                first: Duration::from_secs(1),
                most: Duration::from_mins(1),
            },
        }
    }

    /// Sets the address of Throughline, without a path. Default `http://127.0.0.1:3000`.
    /// `THROUGHLINE_ENDPOINT` overrides it.
    pub fn endpoint(mut self, endpoint: impl Into<Cow<'static, str>>) -> Self {
        self.endpoint = endpoint.into();
        self
    }

    /// Sets the key sent with each batch (`x-throughline-key`). Default none. `THROUGHLINE_KEY`
    /// overrides it.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Adds an attribute of this process, such as `service.version` or
    /// `deployment.environment.name`. `OTEL_RESOURCE_ATTRIBUTES` overrides it.
    pub fn resource(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<AttributeValue>,
    ) -> Self {
        self.resource.insert(key, value);
        self
    }

    /// Sets the sampling mode. Default: all traces are recorded. `TRACING_MODE`,
    /// `TRACING_SAMPLE_RATE` and `TRACING_ENABLED` override it.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.options.mode = mode;
        self
    }

    /// Sets the most detailed level of recorded spans and events. Default `INFO`. Does not affect
    /// the other layers.
    pub fn level(mut self, level: LevelFilter) -> Self {
        self.options.wanted.level = level;
        self
    }

    /// Sets whether the statements of sqlx become spans. Default true.
    pub fn statements(mut self, record: bool) -> Self {
        self.options.wanted.statements = record;
        self
    }

    /// Sets the database product that sqlx connects to (`db.system.name`). Default `postgresql`.
    pub fn database(mut self, product: impl Into<Cow<'static, str>>) -> Self {
        self.options.database = product.into();
        self
    }

    /// Sets whether an event of level `ERROR` marks its span as failed. Default true.
    pub fn errors_fail_spans(mut self, repair: bool) -> Self {
        self.options.errors_fail_spans = repair;
        self
    }

    /// Sets whether the application's spans record their source location. Default true. The spans
    /// that this crate creates for requests and jobs have no source location.
    pub fn code_location(mut self, record: bool) -> Self {
        self.options.code_location = record;
        self
    }

    /// Sets whether spans record the thread they started on. Default false.
    pub fn thread_ids(mut self, record: bool) -> Self {
        self.options.thread_ids = record;
        self
    }

    /// Sets the maximum number of spans in the export queue and their approximate memory size in
    /// bytes. Default 16,384 spans and 8 MiB. When the queue is full, new spans are dropped,
    /// counted and reported.
    pub fn queue(mut self, spans: usize, bytes: usize) -> Self {
        self.limits.spans = spans.max(1);
        self.limits.bytes = bytes;
        self
    }

    /// Sets the maximum time a span waits to be sent. Default 1 s, minimum 1 ms. A batch of 512
    /// spans is sent at once.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(Duration::from_millis(1));
        self
    }

    /// Sets the time after which an open span is reported to the collector as running. Default 1 s.
    /// A span that ends earlier is sent only once.
    pub fn announce_after(mut self, open: Duration) -> Self {
        self.announce_after = open;
        self
    }

    /// Reads the environment and starts the export thread. A tracer that is off has no thread.
    ///
    /// # Errors
    /// [`BuildError`] if a setting or a variable is invalid, or if the system cannot start a
    /// thread.
    pub fn build(self) -> Result<Tracer, BuildError> {
        self.build_with(&|name| std::env::var(name).ok())
    }

    /// Builds the tracer like [`Self::build`], with environment variables from `variable`.
    pub(crate) fn build_with(
        mut self,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Tracer, BuildError> {
        self.override_from(variable)?;
        match self.options.mode {
            Mode::Off => return Ok(Tracer::off()),
            Mode::Sampled(rate) if !(0.0..=1.0).contains(&rate) => {
                return Err(BuildError::SampleRate(rate.to_string()));
            }
            Mode::Dev | Mode::Sampled(_) => {}
        }
        let client = Client::new(&self.endpoint, self.key.as_deref()).map_err(|error| {
            BuildError::Endpoint {
                endpoint: self.endpoint.to_string(),
                why: error.to_string(),
            }
        })?;
        let (queue, spans) = Queue::new(self.limits);
        let queue = Arc::new(queue);
        let (commands, received) = unbounded_channel();
        let settings = Settings {
            client,
            resource: describe(self.resource),
            scope: InstrumentationScope {
                name: Cow::Borrowed("throughline"),
                version: Cow::Borrowed(env!("CARGO_PKG_VERSION")),
                ..InstrumentationScope::default()
            },
            interval: self.interval,
            announce_after: self.announce_after,
            backoff: self.backoff,
        };
        start(settings, Arc::clone(&queue), spans, received).map_err(BuildError::Thread)?;
        let pipe = Arc::new(Pipe { queue, commands });
        Ok(Tracer::on(self.options, pipe))
    }
}

/// Returns the resource: the attributes of the service and of this SDK.
fn describe(mut attributes: Attributes) -> Resource {
    if attributes.get(semconv::SERVICE_INSTANCE_ID).is_none() {
        attributes.insert(semconv::SERVICE_INSTANCE_ID, ids::trace_id().to_string());
    }
    attributes.insert(semconv::TELEMETRY_SDK_NAME, "throughline");
    attributes.insert(semconv::TELEMETRY_SDK_LANGUAGE, "rust");
    attributes.insert(semconv::TELEMETRY_SDK_VERSION, env!("CARGO_PKG_VERSION"));
    Resource {
        attributes,
        dropped_attributes_count: 0,
        schema_url: Cow::Borrowed("https://opentelemetry.io/schemas/1.42.0"),
    }
}
