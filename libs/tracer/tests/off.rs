//! Tests that a tracer that is off costs one branch. Runs in a process of its own, because
//! `tracing` caches for the whole process which spans are enabled.

use throughline::{Mode, Tracer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

#[test]
fn spans_are_disabled_at_their_callsites() {
    let tracer = Tracer::builder("test")
        .mode(Mode::Off)
        .build()
        .expect("a tracer");
    tracing_subscriber::registry().with(tracer.layer()).init();
    assert!(!tracer.is_on());
    assert!(tracing::info_span!("span").is_disabled());
    assert!(!tracing::enabled!(target: "sqlx::query", tracing::Level::DEBUG));
}
