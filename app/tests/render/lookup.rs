//! Tests of `/lookup`.

use throughline_model::{OpenFate, ReadError};
use throughline_testkit::{FakeReader, Ids, Sent, shop_trace, span};

use crate::html::read;
use crate::page::get;

/// Returns two traces with the same order.
fn orders() -> (FakeReader, Vec<Sent>) {
    let mut ids = Ids::seeded(50);
    let sent: Vec<Sent> = (0..2)
        .map(|at| {
            let span = span(format!("order {at}"))
                .in_trace(ids.trace_id())
                .id(ids.span_id())
                .with("throughline.order.id", "o-1");
            Sent::by("shop", span.build())
        })
        .collect();
    (FakeReader::new(sent.clone()), sent)
}

#[tokio::test]
async fn one_trace_is_gone_to_and_several_are_listed() {
    let (reader, sent) = orders();
    let trace_id = sent[0].span.trace_id;
    let span_id = sent[1].span.span_id;
    let by_trace = get(&format!("/lookup?q=+{trace_id}+"), reader.clone()).await;
    assert_eq!(by_trace.redirect, Some(format!("/traces/{trace_id}")));
    let by_span = get(&format!("/lookup?q={span_id}"), reader.clone()).await;
    let other = sent[1].span.trace_id;
    assert_eq!(
        by_span.redirect,
        Some(format!("/traces/{other}?span={span_id}"))
    );

    let by_order = get(
        "/lookup?q=o-1",
        reader.leaving_open(other, OpenFate::Running),
    )
    .await;
    assert_eq!((by_order.status, by_order.redirect.as_deref()), (200, None));
    let text = by_order.text();
    assert!(
        text.contains("2 traces carry the id o-1 as throughline.order.id"),
        "{text}"
    );
    let (tags, _) = read(&by_order.html);
    let rows = tags
        .iter()
        .filter(|tag| tag.attribute("data-row").is_some());
    assert_eq!(rows.count(), 2);
    let field = tags.iter().find(|tag| tag.attribute("name") == Some("q"));
    let value = field.and_then(|field| field.attribute("value"));
    assert_eq!(value, Some("o-1"), "what was typed stays");
}

#[tokio::test]
async fn what_is_not_found_is_told_with_the_places_that_were_looked_at() {
    let (reader, _) = orders();
    let answer = get(
        "/lookup?q=4BF92F35-77b3-4da6-a3ce-929d0e0e4736",
        reader.clone(),
    )
    .await;
    let text = answer.text();
    assert_eq!(answer.status, 200);
    for part in [
        "Nothing has this id",
        "id of a trace",
        "the value of any attribute",
        "4BF92F35-77b3",
    ] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    assert!(!text.contains("id of a span"), "it cannot be one: {text}");
    let markup = get("/lookup?q=%3Cb%3E", reader).await;
    assert!(!markup.html.contains("<b>"), "{}", markup.html);
}

#[tokio::test]
async fn nothing_and_nonsense_and_a_database_that_is_down_are_told_apart() {
    let reader = || FakeReader::new(shop_trace(&mut Ids::seeded(1)));
    let empty = get("/lookup", reader()).await;
    assert_eq!(empty.status, 200);
    assert!(empty.text().contains("Paste any id"));
    let wrong = get("/lookup?q=a%00b", reader()).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("This cannot be looked up"));
    let down = get("/lookup?q=a", FakeReader::failing(ReadError::Unavailable)).await;
    assert_eq!(down.status, 503);
}
