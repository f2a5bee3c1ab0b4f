//! Tests that `tracing` spans become spans of a trace.

use throughline::wire::{AttributeValue, SpanKind, StatusCode, semconv};
use throughline::{Mode, record, record_error};
use tracing::{Instrument, error, info, info_span, instrument, warn};

use super::{Traced, assert_child, named};

#[tokio::test]
async fn a_span_is_a_child_of_its_enclosing_span_across_await_and_spawn() {
    let traced = Traced::new();
    async {
        tokio::task::yield_now().await;
        let spawned = tokio::spawn(
            async {
                tokio::task::yield_now().await;
                info_span!("innermost").in_scope(|| ());
            }
            .instrument(info_span!("spawned")),
        );
        info_span!("sibling").in_scope(|| ());
        spawned.await.expect("ends");
    }
    .instrument(info_span!("outer"))
    .await;
    let spans = traced.spans().await;
    let outer = named(&spans, "outer");
    assert_eq!(outer.parent_span_id, None);
    assert_child(named(&spans, "spawned"), outer);
    assert_child(named(&spans, "sibling"), outer);
    assert_child(named(&spans, "innermost"), named(&spans, "spawned"));
    assert_eq!(spans.len(), 4);
}

#[tokio::test]
async fn a_span_ends_with_its_code_not_with_its_detached_children() {
    let traced = Traced::new();
    let (release, released) = tokio::sync::oneshot::channel::<()>();
    let detached = info_span!("outer").in_scope(|| {
        tokio::spawn(
            async {
                let _ = released.await;
            }
            .instrument(info_span!("detached")),
        )
    });
    drop(info_span!("later"));
    release.send(()).expect("waited for");
    detached.await.expect("ends");
    let spans = traced.spans().await;
    let (outer, detached) = (named(&spans, "outer"), named(&spans, "detached"));
    assert!(outer.end <= named(&spans, "later").start);
    assert!(outer.end < detached.end);
}

#[tokio::test]
async fn fields_keep_their_types_and_otel_names_set_the_span() {
    let traced = Traced::new();
    let span = info_span!(
        "macro name",
        otel.name = "real name",
        otel.kind = "client",
        otel.status_code = "ERROR",
        otel.status_message = "broke",
        text = "a",
        whole = -3,
        large = u64::MAX,
        half = 0.5,
        yes = true,
        debug = ?Some(1),
        later = tracing::field::Empty,
    );
    span.record("later", 7);
    span.in_scope(|| record("anything.at_all", vec![AttributeValue::from("x")]));
    drop(span);
    let spans = traced.spans().await;
    let span = named(&spans, "real name");
    assert_eq!(span.kind, SpanKind::Client);
    assert_eq!(span.status.code, StatusCode::Error);
    assert_eq!(span.status.message, "broke");
    let list = AttributeValue::Array(vec!["x".into()]);
    for (key, value) in [
        ("text", "a".into()),
        ("whole", (-3).into()),
        ("large", "18446744073709551615".into()),
        ("half", 0.5.into()),
        ("yes", true.into()),
        ("debug", "Some(1)".into()),
        ("later", 7.into()),
        ("anything.at_all", list),
    ] {
        assert_eq!(span.attributes.get(key), Some(&value), "{key}");
    }
    let file = span.attributes.get_str(semconv::CODE_FILE_PATH);
    assert!(
        file.is_some_and(|file| file.ends_with("spans.rs")),
        "{file:?}"
    );
    let line = span.attributes.get(semconv::CODE_LINE_NUMBER);
    assert!(
        line.and_then(AttributeValue::as_int)
            .is_some_and(|line| line > 0)
    );
}

#[derive(Debug)]
struct Outer(std::num::ParseIntError);

impl std::fmt::Display for Outer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no such order")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

fn broken() -> Outer {
    Outer("x".parse::<i32>().expect_err("not a number"))
}

#[tokio::test]
async fn events_and_errors_become_events_of_their_span() {
    let traced = Traced::new();
    info!("outside of all spans");
    info_span!("calm").in_scope(|| {
        info!(items = 3, "cart read");
        warn!(error = "slow", "still fine");
        tracing::debug!("not recorded");
    });
    info_span!("hurt").in_scope(|| {
        let failure = broken();
        error!(
            error = &failure as &dyn std::error::Error,
            "could not order"
        );
    });
    info_span!("recorded").in_scope(|| record_error(&broken()));
    let spans = traced.spans().await;

    let calm = named(&spans, "calm");
    assert_eq!(calm.status.code, StatusCode::Unset);
    let names: Vec<_> = calm
        .events
        .iter()
        .map(|event| event.name.as_ref())
        .collect();
    assert_eq!(names, ["cart read", "still fine"]);
    let read = &calm.events[0].attributes;
    assert_eq!(read.get("items"), Some(&3.into()));
    assert_eq!(read.get_str("level"), Some("INFO"));
    assert!(calm.start <= calm.events[0].time && calm.events[1].time <= calm.end);

    for name in ["hurt", "recorded"] {
        let span = named(&spans, name);
        assert_eq!(span.status.code, StatusCode::Error, "{name}");
        assert_eq!(span.status.message, "no such order", "{name}");
        let event = &span.events[0];
        assert_eq!(event.name, semconv::EVENT_EXCEPTION);
        let text = |key| event.attributes.get_str(key);
        assert_eq!(text(semconv::EXCEPTION_MESSAGE), Some("no such order"));
        let trace = text(semconv::EXCEPTION_STACKTRACE).expect("a cause");
        assert!(trace.contains("caused by: invalid digit"), "{trace}");
    }
    let kind = named(&spans, "recorded")
        .attributes
        .get_str(semconv::ERROR_TYPE);
    assert!(kind.is_some_and(|kind| kind.ends_with("Outer")), "{kind:?}");
}

#[tokio::test]
async fn an_error_event_does_not_set_the_status_if_disabled() {
    let traced = Traced::with(|builder| builder.errors_fail_spans(false));
    info_span!("span").in_scope(|| error!("logged only"));
    let spans = traced.spans().await;
    assert_eq!(named(&spans, "span").status.code, StatusCode::Unset);
    assert_eq!(named(&spans, "span").events.len(), 1);
}

#[instrument(err)]
fn instrumented(argument: i32) -> Result<i32, Outer> {
    if argument > 9 {
        Ok(argument)
    } else {
        Err(broken())
    }
}

#[tokio::test]
async fn a_function_instrumented_with_err_is_marked_when_it_fails() {
    let traced = Traced::new();
    instrumented(5).expect_err("fails");
    let spans = traced.spans().await;
    let span = named(&spans, "instrumented");
    assert_eq!(span.status.message, "no such order");
    assert_eq!(span.attributes.get("argument"), Some(&5.into()));
    assert_eq!(span.events[0].name, semconv::EVENT_EXCEPTION);
}

#[tokio::test]
async fn a_cause_that_is_not_the_parent_becomes_a_link() {
    let traced = Traced::new();
    let cause = info_span!("cause");
    let effect = info_span!("effect");
    effect.follows_from(&cause);
    drop((cause, effect));
    let spans = traced.spans().await;
    let (cause, effect) = (named(&spans, "cause"), named(&spans, "effect"));
    assert_ne!(cause.trace_id, effect.trace_id);
    assert_eq!(effect.links[0].trace_id, cause.trace_id);
    assert_eq!(effect.links[0].span_id, cause.span_id);
}

#[tokio::test]
async fn attributes_and_events_beyond_the_limit_are_counted() {
    let traced = Traced::new();
    info_span!("loop").in_scope(|| {
        for turn in 0..300 {
            record(format!("key {turn}"), i64::from(turn));
            info!(turn, "turn");
        }
    });
    let spans = traced.spans().await;
    let span = named(&spans, "loop");
    assert_eq!(
        span.attributes.len() + span.dropped_attributes_count as usize,
        302
    );
    assert_eq!(span.events.len() + span.dropped_events_count as usize, 300);
    assert!(span.dropped_events_count > 0 && span.dropped_attributes_count > 0);
}

#[tokio::test]
async fn a_trace_that_is_not_sampled_has_ids_and_no_spans() {
    let traced = Traced::with(|builder| builder.mode(Mode::Sampled(0.0)));
    info_span!("outer").in_scope(|| {
        let outer = throughline::current().expect("a context");
        assert!(!outer.is_sampled());
        let [(name, value)] = throughline::trace_headers().try_into().expect("one header");
        assert_eq!(name, "traceparent");
        assert!(value.ends_with("-02"), "{value}");
        info_span!("inner").in_scope(|| {
            let inner = throughline::current().expect("a context");
            assert_eq!(inner.trace_id, outer.trace_id);
            assert_ne!(inner.span_id, outer.span_id);
        });
    });
    assert!(traced.spans().await.is_empty());
}

#[tokio::test]
async fn a_tracer_that_is_off_records_and_sends_nothing() {
    let traced = Traced::with(|builder| builder.mode(Mode::Off));
    let span = info_span!("span");
    span.in_scope(|| {
        record("key", 1);
        assert_eq!(throughline::current(), None);
        assert!(throughline::trace_headers().is_empty());
    });
    assert!(traced.spans().await.is_empty());
    assert_eq!(traced.tracer.stats(), throughline::Stats::default());
}

#[test]
fn nothing_is_recorded_without_a_tracer() {
    record("key", "value");
    record_error(&broken());
    assert_eq!(throughline::current(), None);
    assert_eq!(
        throughline::Carrier::current(),
        throughline::Carrier::default()
    );
}
