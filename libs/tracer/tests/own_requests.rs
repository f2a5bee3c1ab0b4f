//! Tests that the exporter's own requests are not traced at any level. Runs in a process of its
//! own, because only a global subscriber reaches the exporter's thread.

#[expect(dead_code, reason = "the other tests use all of it")]
#[path = "support/collector.rs"]
mod collector;

use std::time::Duration;

use throughline::Tracer;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use collector::{Collector, Conduct};

#[test]
fn the_exporter_never_traces_itself() {
    let collector = Collector::start();
    let tracer = Tracer::builder("test")
        .endpoint(collector.endpoint().replace("127.0.0.1", "localhost"))
        .level(LevelFilter::TRACE)
        .build()
        .expect("a tracer");
    tracing_subscriber::registry().with(tracer.layer()).init();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    for turn in 0..5 {
        // A rejected batch makes the exporter log a warning too.
        collector.behave(if turn == 2 {
            Conduct::Refuse(400)
        } else {
            Conduct::Keep
        });
        let span = tracing::info_span!("work");
        span.in_scope(|| tracing::trace!("detail"));
        drop(span);
        runtime.block_on(tracer.flush(Duration::from_secs(30)));
    }
    let names: Vec<_> = collector
        .spans()
        .into_iter()
        .map(|span| span.name)
        .collect();
    assert_eq!(names, ["work"; 4]);
    assert_eq!(tracer.stats().accepted, 5);
}
