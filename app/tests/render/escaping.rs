//! Escaping: span text is untrusted. It never becomes markup, wherever it appears.

use std::borrow::Cow;
use std::sync::Arc;

use throughline_testkit::{FakeReader, Ids, NOW, Sent, span};
use throughline_wire::{AttributeValue, Attributes, InstrumentationScope, Resource, semconv};

use crate::html::read;
use crate::page::{Answer, get};

/// A text that breaks out of text, attributes, scripts and comments if they are not escaped.
const POLYGLOT: &str = "--></title></textarea></style></script><img src=x onerror=alert(1)>\
    \" onmouseover=\"alert(2)\" ' autofocus onfocus='alert(3)' javascript:alert(4) {{7*7}} \u{202e}";

fn hostile_attributes() -> Attributes {
    let mut nested = Attributes::default();
    nested.insert(POLYGLOT, POLYGLOT);
    let mut attributes = Attributes::default();
    for key in [
        POLYGLOT,
        "url.full",
        "__proto__",
        "a.b",
        "db.query.text",
        "db.statement",
    ] {
        attributes.insert(key, POLYGLOT);
    }
    attributes.insert(format!("ns.{POLYGLOT}"), "javascript:alert(5)");
    attributes.insert(
        "list",
        AttributeValue::Array(vec![POLYGLOT.into(), nested.into()]),
    );
    for key in [semconv::USER_ID, semconv::SESSION_ID, semconv::ERROR_TYPE] {
        attributes.insert(key, POLYGLOT);
    }
    attributes
}

fn hostile_trace() -> Sent {
    let mut ids = Ids::seeded(9);
    let other = span("other")
        .in_trace(ids.trace_id())
        .id(ids.span_id())
        .build();
    let mut exception = hostile_attributes();
    for key in [
        semconv::EXCEPTION_TYPE,
        semconv::EXCEPTION_MESSAGE,
        semconv::EXCEPTION_STACKTRACE,
    ] {
        exception.insert(key, POLYGLOT);
    }
    let mut hostile = span(POLYGLOT)
        .in_trace(ids.trace_id())
        .id(ids.span_id())
        .starts(NOW)
        .lasts(1_000_000)
        .error(POLYGLOT)
        .event(10, POLYGLOT, hostile_attributes())
        .event(20, semconv::EVENT_EXCEPTION, exception)
        .linked_to(&other)
        .build();
    hostile.attributes = hostile_attributes();
    hostile.trace_state = Cow::Borrowed(POLYGLOT);
    hostile.links[0].attributes = hostile_attributes();
    let mut resource = Resource::of_service(POLYGLOT);
    resource.attributes.insert(POLYGLOT, POLYGLOT);
    let scope = InstrumentationScope {
        name: POLYGLOT.into(),
        version: POLYGLOT.into(),
        attributes: hostile_attributes(),
        ..InstrumentationScope::default()
    };
    Sent {
        resource: Arc::new(resource),
        scope: Arc::new(scope),
        span: hostile,
    }
}

fn assert_harmless(answer: &Answer) {
    let (tags, _) = read(&answer.html);
    assert!(tags.len() > 50, "a page was rendered");
    for tag in &tags {
        assert_ne!(tag.name, "img", "{tag:?}");
        for (name, value) in &tag.attributes {
            assert!(!name.starts_with("on") && name != "autofocus", "{tag:?}");
            if matches!(name.as_str(), "href" | "src" | "action") {
                assert!(
                    value.starts_with(['/', '#']) && !value.starts_with("//"),
                    "{tag:?}"
                );
            }
        }
    }
    // The page's data is embedded in scripts, which only `</script` would end.
    assert!(
        !answer.html.contains("<img"),
        "markup of the sender's stands in the page"
    );
    assert!(!answer.html.contains("</script><img"));
}

#[tokio::test]
async fn a_hostile_trace_is_only_text_in_the_list() {
    let reader = FakeReader::new(vec![hostile_trace()]);
    let answer = get("/traces", reader.clone()).await;
    assert_harmless(&answer);
    assert!(
        answer.text().contains("<img src=x onerror=alert(1)>"),
        "shown as it was sent"
    );
    let search = "%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E";
    for key in [
        "service",
        "operation",
        "user",
        "session",
        "min_duration",
        "range",
        "status",
        "after",
    ] {
        assert_harmless(&get(&format!("/traces?{key}={search}"), reader.clone()).await);
    }
}

#[tokio::test]
async fn a_hostile_trace_is_only_text_in_the_waterfall_and_the_pane() {
    let hostile = hostile_trace();
    let path = format!(
        "/traces/{}?span={}",
        hostile.span.trace_id, hostile.span.span_id
    );
    let answer = get(&path, FakeReader::new(vec![hostile])).await;
    assert_harmless(&answer);
    assert!(
        answer
            .text()
            .matches("<img src=x onerror=alert(1)>")
            .count()
            > 20
    );
}
