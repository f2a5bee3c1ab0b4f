//! Tests of a traced service, written like a user's, with a collector that can fail.

#[path = "../support/collector.rs"]
mod collector;
mod export;
mod http;
mod jobs;
mod numbers;
mod panics;
mod spans;
mod statements;

use std::time::Duration;

use throughline::wire::{Span, SpanId};
use throughline::{Tracer, TracerBuilder};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt;

use collector::Collector;

/// Long enough for any machine; no test waits for it to expire.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A tracer on this thread and the collector it sends to.
struct Traced {
    tracer: Tracer,
    collector: Collector,
    _subscriber: DefaultGuard,
}

impl Traced {
    fn new() -> Self {
        Self::with(|builder| builder)
    }

    fn with(configure: impl FnOnce(TracerBuilder) -> TracerBuilder) -> Self {
        let collector = Collector::start();
        let builder = Tracer::builder("test").endpoint(collector.endpoint());
        let tracer = configure(builder).build().expect("a tracer");
        let subscriber = tracing_subscriber::registry().with(tracer.layer());
        Self {
            _subscriber: tracing::subscriber::set_default(subscriber),
            tracer,
            collector,
        }
    }

    /// Flushes, then returns all spans that arrived.
    async fn spans(&self) -> Vec<Span> {
        let flushed = self.tracer.flush(TIMEOUT).await;
        assert!(flushed.is_complete(), "{flushed:?}");
        self.collector.spans()
    }
}

/// Returns the only span with this name.
fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let mut found = spans.iter().filter(|span| span.name == name);
    let span = found.next().unwrap_or_else(|| {
        let names: Vec<_> = spans.iter().map(|span| &span.name).collect();
        panic!("no span {name:?} in {names:?}")
    });
    assert!(found.next().is_none(), "two spans {name:?}");
    span
}

/// Asserts that `child` is a child of `parent` and lies within its time.
fn assert_child(child: &Span, parent: &Span) {
    assert_eq!(
        child.trace_id, parent.trace_id,
        "{} {}",
        child.name, parent.name
    );
    let above: Option<SpanId> = child.parent_span_id;
    assert_eq!(
        above,
        Some(parent.span_id),
        "{} {}",
        child.name,
        parent.name
    );
}
