//! Escaping: span text is untrusted. It never becomes markup, wherever it appears.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use throughline_model::{EventCursor, StoredEvent};
use throughline_testkit::{FakeReader, Ids, NOW, Sent, span};
use throughline_wire::{
    AttributeValue, Attributes, InstrumentationScope, LogRecord, Resource, semconv,
};

use crate::html::read;
use crate::page::{Answer, get};

/// A text that breaks out of text, attributes, scripts and comments if they are not escaped.
const POLYGLOT: &str = "--></title></textarea></style></script><img src=x onerror=alert(1)>\
    \" onmouseover=\"alert(2)\" ' autofocus onfocus='alert(3)' javascript:alert(4) {{7*7}} \
    <meta http-equiv=refresh content=\"0;url=https://evil.example\"><base href=//evil.example> \
    a &lt; b && c \u{202e}live\u{202c} \u{200b}\u{2066}\u{feff}";

/// A text without any character that means something in HTML.
const PLAIN: &str = "plain text";

fn attributes_of(text: &'static str) -> Attributes {
    let mut nested = Attributes::default();
    nested.insert(text, text);
    let mut attributes = Attributes::default();
    for key in [
        text,
        "url.full",
        "__proto__",
        "a.b",
        "db.query.text",
        "db.statement",
    ] {
        attributes.insert(key, text);
    }
    attributes.insert(format!("ns.{text}"), "javascript:alert(5)");
    attributes.insert(
        "list",
        AttributeValue::Array(vec![text.into(), nested.into()]),
    );
    for key in [semconv::USER_ID, semconv::SESSION_ID, semconv::ERROR_TYPE] {
        attributes.insert(key, text);
    }
    attributes
}

fn trace_of(text: &'static str) -> Sent {
    let mut ids = Ids::seeded(9);
    let other = span("other")
        .in_trace(ids.trace_id())
        .id(ids.span_id())
        .build();
    let mut exception = attributes_of(text);
    for key in [
        semconv::EXCEPTION_TYPE,
        semconv::EXCEPTION_MESSAGE,
        semconv::EXCEPTION_STACKTRACE,
    ] {
        exception.insert(key, text);
    }
    let mut sent = span(text)
        .in_trace(ids.trace_id())
        .id(ids.span_id())
        .starts(NOW)
        .lasts(1_000_000)
        .error(text)
        .event(10, text, attributes_of(text))
        .event(20, semconv::EVENT_EXCEPTION, exception)
        .linked_to(&other)
        .build();
    sent.attributes = attributes_of(text);
    sent.trace_state = Cow::Borrowed(text);
    sent.links[0].attributes = attributes_of(text);
    let mut resource = Resource::of_service(text);
    resource.attributes.insert(text, text);
    let scope = InstrumentationScope {
        name: text.into(),
        version: text.into(),
        attributes: attributes_of(text),
        ..InstrumentationScope::default()
    };
    Sent {
        resource: Arc::new(resource),
        scope: Arc::new(scope),
        span: sent,
    }
}

/// Returns a log record without a trace.
fn log_of(text: &'static str) -> StoredEvent {
    StoredEvent {
        record: LogRecord {
            time: NOW,
            severity_text: text.into(),
            event_name: text.into(),
            body: attributes_of(text).into(),
            attributes: attributes_of(text),
            ..LogRecord::default()
        },
        service: text.to_owned(),
        received: NOW,
        cursor: EventCursor { at: NOW, digest: 1 },
        payloads: Vec::new(),
    }
}

fn log_of_span(sent: &Sent, text: &'static str) -> StoredEvent {
    let mut event = log_of(text);
    event.record.body = text.into();
    event.record.trace_id = Some(sent.span.trace_id);
    event.record.span_id = Some(sent.span.span_id);
    event
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

/// Returns the kinds of elements of a page, each with the names of its attributes, as a browser
/// builds them.
fn elements(html: &str) -> BTreeSet<(String, Vec<String>)> {
    let page = scraper::Html::parse_document(html);
    let elements = page.root_element().descendent_elements();
    let described = elements.map(|element| {
        let element = element.value();
        let mut names: Vec<_> = element.attrs().map(|(name, _)| name.to_owned()).collect();
        names.sort_unstable();
        (element.name().to_owned(), names)
    });
    described.collect()
}

/// Returns the text of the one `<title>` in the head.
fn title_of(html: &str) -> String {
    let page = scraper::Html::parse_document(html);
    let head = scraper::Selector::parse("head title").expect("a selector");
    let titles: Vec<_> = page.select(&head).collect();
    assert_eq!(titles.len(), 1);
    titles[0].text().collect()
}

/// Returns the invisible characters of a page, without fields and the data of its scripts, which
/// hold texts as they were sent.
fn invisible(html: &str) -> Vec<char> {
    let page = scraper::Html::parse_document(html);
    let mut found = Vec::new();
    for element in page.root_element().descendent_elements() {
        let element_name = element.value().name();
        if element_name == "script" {
            continue;
        }
        let texts = element
            .children()
            .filter_map(|child| child.value().as_text());
        for text in texts {
            found.extend(text.chars());
        }
        for (name, value) in element.value().attrs() {
            if !matches!(name, "value" | "href") {
                found.extend(value.chars());
            }
        }
    }
    let is_invisible = |char: &char| throughline_viz::visible(&char.to_string()).len() > 4;
    found.retain(is_invisible);
    found
}

#[tokio::test]
async fn no_text_of_a_sender_makes_an_element_or_an_attribute() {
    let [hostile, plain] = [POLYGLOT, PLAIN].map(trace_of);
    let id = hostile.span.trace_id;
    let pages = [
        "/traces".to_owned(),
        "/traces?stats=1".to_owned(),
        format!("/traces/{id}"),
        format!("/traces/{id}?span={}", hostile.span.span_id),
        format!("/lookup?q={id}"),
        "/storage".to_owned(),
        "/logs".to_owned(),
        "/no/such/page".to_owned(),
    ];
    // The address of a link may hide something, too.
    for path in ["/traces?%E2%80%AEsutats=1", "/traces?status=%E2%80%AEkO"] {
        let page = get(path, FakeReader::new(Vec::new())).await;
        assert!(page.text().contains(r"\u{202e}"), "{path}");
        assert!(invisible(&page.html).is_empty(), "{path}");
    }
    for path in pages {
        let [hostile, plain] = [(&hostile, POLYGLOT), (&plain, PLAIN)].map(|(sent, text)| {
            FakeReader::new(vec![sent.clone()])
                .with_events(vec![log_of(text), log_of_span(sent, text)])
        });
        let (hostile, plain) = (get(&path, hostile).await, get(&path, plain).await);
        let [mut made, known] = [&hostile, &plain].map(|page| elements(&page.html));
        made.retain(|element| !known.contains(element));
        assert!(made.is_empty(), "{path}: {made:?}");
        assert!(invisible(&hostile.html).is_empty(), "{path}");
    }
}

#[tokio::test]
async fn the_title_is_the_name_of_the_trace_as_text() {
    let hostile = trace_of(POLYGLOT);
    let path = format!("/traces/{}", hostile.span.trace_id);
    let answer = get(&path, FakeReader::new(vec![hostile])).await;
    let shown = throughline_viz::visible(POLYGLOT);
    assert_eq!(title_of(&answer.html), format!("{shown} · Throughline"));
}

#[tokio::test]
async fn a_hostile_trace_is_only_text_in_the_list() {
    let reader = FakeReader::new(vec![trace_of(POLYGLOT)]);
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
    let hostile = trace_of(POLYGLOT);
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
