//! Setting up a tracer: what the code says, what the environment overrides.

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

/// Collects what a [`Tracer`] is to do. Each setting says its default; an environment variable
/// overrides what the code says.
#[derive(Debug, Clone)]
#[must_use = "nothing is recorded before `build`"]
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

    /// Where Throughline listens, without a path: `http://127.0.0.1:3000` unless said otherwise.
    /// `THROUGHLINE_ENDPOINT` overrides it.
    pub fn endpoint(mut self, endpoint: impl Into<Cow<'static, str>>) -> Self {
        self.endpoint = endpoint.into();
        self
    }

    /// The key sent with each batch (`x-throughline-key`); none unless said otherwise.
    /// `THROUGHLINE_KEY` overrides it.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Describes this process: `service.version`, `deployment.environment.name`.
    /// `OTEL_RESOURCE_ATTRIBUTES` overrides it.
    pub fn resource(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<AttributeValue>,
    ) -> Self {
        self.resource.insert(key, value);
        self
    }

    /// Which traces are recorded: all unless said otherwise. `TRACING_MODE`,
    /// `TRACING_SAMPLE_RATE` and `TRACING_ENABLED` override it.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.options.mode = mode;
        self
    }

    /// The most detailed level of spans and events recorded: `INFO` unless said otherwise.
    /// Whatever the other layers print is their own affair.
    pub fn level(mut self, level: LevelFilter) -> Self {
        self.options.wanted.level = level;
        self
    }

    /// Whether the statements of sqlx become spans: they do unless said otherwise.
    pub fn statements(mut self, record: bool) -> Self {
        self.options.wanted.statements = record;
        self
    }

    /// The database product sqlx talks to (`db.system.name`): `postgresql` unless said otherwise.
    pub fn database(mut self, product: impl Into<Cow<'static, str>>) -> Self {
        self.options.database = product.into();
        self
    }

    /// Whether an event of level `ERROR` repairs its span as failed: it does unless said otherwise.
    pub fn errors_fail_spans(mut self, repair: bool) -> Self {
        self.options.errors_fail_spans = repair;
        self
    }

    /// Whether the application's spans say which source line they come from: they do unless said
    /// otherwise. Spans this crate makes (of requests and jobs) have no such line.
    pub fn code_location(mut self, record: bool) -> Self {
        self.options.code_location = record;
        self
    }

    /// Whether spans say which thread they began on: they do not unless said otherwise.
    pub fn thread_ids(mut self, record: bool) -> Self {
        self.options.thread_ids = record;
        self
    }

    /// How many spans, and about how many bytes of them, wait for the collector at most: 16,384
    /// and 8 MiB unless said otherwise. What ends beyond that is dropped, counted and reported.
    pub fn queue(mut self, spans: usize, bytes: usize) -> Self {
        self.limits.spans = spans.max(1);
        self.limits.bytes = bytes;
        self
    }

    /// How long a span waits at most for others to be sent with: 1 s unless said otherwise. A
    /// batch of 512 leaves at once.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(Duration::from_millis(1));
        self
    }

    /// How long a span may be open before the collector is told that it runs: 1 s unless said
    /// otherwise. Of shorter spans nothing is sent before they end.
    pub fn announce_after(mut self, open: Duration) -> Self {
        self.announce_after = open;
        self
    }

    /// Reads the environment and starts the exporter's thread; when tracing is off, there is
    /// none.
    ///
    /// # Errors
    /// [`BuildError`] when a setting or a variable can not be used, or the system gives no
    /// thread.
    pub fn build(self) -> Result<Tracer, BuildError> {
        self.build_with(&|name| std::env::var(name).ok())
    }

    /// Like [`Self::build`], with the environment as `variable` gives it.
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

/// The resource: what the service says of itself, and which SDK this is.
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
