//! Tests that a panic while a span is created costs that span alone.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use throughline::Carrier;
use throughline::wire::{SpanKind, semconv};
use tracing::{Span, info_span};

use super::{Traced, assert_child, named};

/// A value whose `Debug` panics.
struct Panics;

impl fmt::Debug for Panics {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("a value that cannot be written")
    }
}

fn of_another_user() -> Carrier {
    Carrier::from_fields(|name| match name {
        "traceparent" => Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        "baggage" => Some("user.id=ada,session.id=s-1"),
        _ => None,
    })
}

fn fails() -> u64 {
    panic!("in the macro")
}

fn quietly(make: impl FnOnce() -> Span) {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let made = catch_unwind(AssertUnwindSafe(make));
    std::panic::set_hook(hook);
    assert!(made.is_err(), "the span was created");
}

#[tokio::test]
async fn the_next_span_has_nothing_of_a_span_that_was_never_created() {
    let traced = Traced::new();
    let carrier = of_another_user();
    let makes: [&dyn Fn() -> Span; 3] = [
        &|| panic!("before the span"),
        &|| info_span!("fails", value = ?Panics),
        &|| info_span!("fails", value = fails()),
    ];
    for make in makes {
        quietly(|| carrier.continue_in(make));
        info_span!("next").in_scope(|| ());
    }
    let spans = traced.spans().await;
    assert_eq!(spans.len(), 3);
    for (at, span) in spans.iter().enumerate() {
        assert_eq!((&*span.name, span.parent_span_id), ("next", None));
        assert_eq!(span.kind, SpanKind::Internal);
        for key in [semconv::USER_ID, semconv::SESSION_ID] {
            assert_eq!(span.attributes.get(key), None, "{key}");
        }
        assert_eq!(span.sequence, Some(at as u64), "no number is missing");
    }
}

#[tokio::test]
async fn a_span_continued_while_another_is_made_leaves_the_other_its_parent() {
    let traced = Traced::new();
    let (outer, inner) = (of_another_user(), Carrier::default());
    let span = outer.continue_in(|| {
        inner.continue_in(|| info_span!("inner")).in_scope(|| ());
        info_span!("outer")
    });
    span.in_scope(|| info_span!("child").in_scope(|| ()));
    drop(span);
    let spans = traced.spans().await;
    let outer = named(&spans, "outer");
    assert_eq!(
        outer.parent_span_id.map(|id| id.to_string()).as_deref(),
        Some("00f067aa0ba902b7")
    );
    assert_eq!(outer.attributes.get_str(semconv::USER_ID), Some("ada"));
    assert_child(named(&spans, "child"), outer);
}
