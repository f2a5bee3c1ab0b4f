//! Tests of `/traces/{id}`.

use throughline_model::{DroppedSpans, OpenFate, ReadError, RetentionAdmin as _};
use throughline_testkit::{FakeReader, FakeRetentionAdmin, Ids, NOW, Sent, shop_trace, span};
use throughline_wire::{Attributes, Repair, RepairSet, Span, semconv};

use crate::html::read;
use crate::page::{get, get_with};

fn shop() -> (Vec<Sent>, String) {
    let sent = shop_trace(&mut Ids::seeded(1));
    let path = format!("/traces/{}", sent[0].span.trace_id);
    (sent, path)
}

fn path_of(span: &Span) -> String {
    format!("/traces/{}?span={}", span.trace_id, span.span_id)
}

#[tokio::test]
async fn the_first_paint_has_every_span_and_a_pane() {
    let (sent, path) = shop();
    let answer = get(&path, FakeReader::new(sent.clone())).await;
    assert_eq!(answer.status, 200);
    let text = answer.text();
    for Sent { span, resource, .. } in &sent {
        assert!(text.contains(&*span.name), "{} is missing", span.name);
        assert!(text.contains(&*resource.service_name()));
    }
    let (tags, _) = read(&answer.html);
    let selected = tags
        .iter()
        .filter(|tag| {
            tag.attribute("class")
                .is_some_and(|class| class.contains(" sel"))
        })
        .count();
    assert_eq!(selected, 1, "one row is open");
    assert!(answer.html.contains("class=\"pane\""));
}

#[tokio::test]
async fn the_address_chooses_the_span() {
    let (sent, path) = shop();
    for Sent { span, .. } in &sent {
        let answer = get(&path_of(span), FakeReader::new(sent.clone())).await;
        let text = answer.text();
        assert!(text.contains(&format!("span {}", span.span_id)), "{text}");
        for (_, value) in span.attributes.iter() {
            if let Some(value) = value.as_str() {
                assert!(text.contains(value), "{value} is missing");
            }
        }
    }
    let closed = get(&format!("{path}?span=none"), FakeReader::new(sent)).await;
    assert!(!closed.html.contains("class=\"pane\""));
}

#[tokio::test]
async fn a_span_that_has_not_ended_says_so_and_what_became_of_it() {
    let mut ids = Ids::seeded(12);
    let running = span("process confirmation")
        .in_trace(ids.trace_id())
        .id(ids.span_id())
        .with("order.id", "7")
        .build();
    let path = path_of(&running);
    for (fate, words) in [
        (OpenFate::Running, "Running for"),
        (
            OpenFate::ProcessEnded,
            "shop-worker ended while this span ran",
        ),
        (OpenFate::ProcessDied, "shop-worker last reported"),
    ] {
        let sent = vec![Sent::by("shop-worker", running.clone())];
        let reader = FakeReader::new(sent).leaving_open(running.trace_id, fate);
        let text = get(&path, reader).await.text();
        assert!(text.contains("internal · has not ended"), "{text}");
        assert!(text.contains(words), "{text}");
        assert!(text.contains("orderid7"), "what it told is shown: {text}");
    }
}

#[tokio::test]
async fn a_failure_tells_its_message_exception_and_repairs() {
    let mut ids = Ids::seeded(2);
    let exception: Attributes = [
        (semconv::EXCEPTION_TYPE, "SmtpError"),
        (semconv::EXCEPTION_MESSAGE, "refused by the mail host"),
        (semconv::EXCEPTION_STACKTRACE, "at deliver\n  at run"),
    ]
    .into_iter()
    .collect();
    let failed = span("deliver")
        .in_trace(ids.trace_id())
        .id(ids.span_id())
        .error("gave up")
        .event(1_000, semconv::EVENT_EXCEPTION, exception)
        .with(semconv::DB_QUERY_TEXT, "SELECT 1 FROM mails")
        .with(
            semconv::REPAIRS,
            RepairSet::from_iter([Repair::NameCut]).to_value(),
        )
        .build();
    let answer = get(
        &path_of(&failed),
        FakeReader::new(vec![Sent::by("mail", failed)]),
    )
    .await;
    let text = answer.text();
    for part in [
        "gave up",
        "SmtpError: refused by the mail host",
        "at deliver\n  at run",
        "was cut",
    ] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    assert!(answer.html.contains("<span class=\"k\">SELECT</span>"));
}

#[tokio::test]
async fn missing_parents_cycles_and_reused_ids_are_marked_and_nothing_is_lost() {
    let mut ids = Ids::seeded(4);
    let trace_id = ids.trace_id();
    let root = span("root").in_trace(trace_id).id(ids.span_id()).build();
    let orphan = span("orphan")
        .in_trace(trace_id)
        .id(ids.span_id())
        .parent(ids.span_id())
        .build();
    let mut own = span("own parent")
        .in_trace(trace_id)
        .id(ids.span_id())
        .build();
    own.parent_span_id = Some(own.span_id);
    let again = span("again")
        .in_trace(trace_id)
        .id(root.span_id)
        .lasts(7)
        .build();
    let missing = orphan.parent_span_id.expect("set");
    let path = path_of(&root);
    let spans = [root, orphan, own, again].map(|span| Sent::by("shop", span));
    let text = get(&path, FakeReader::new(spans.to_vec())).await.text();
    for part in [
        "root",
        "orphan",
        "own parent",
        "again",
        "cycle",
        "same id",
        "4 spans · 1 parent missing · 1 cycle · 1 id reused",
    ] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    assert!(text.contains(&format!("missing parent {missing}")));
    assert!(text.contains("2 spans were sent with this id"));
}

#[tokio::test]
async fn only_a_trace_without_faults_is_said_to_have_no_gaps() {
    let mut ids = Ids::seeded(6);
    let trace_id = ids.trace_id();
    let mut step = |name: &'static str| span(name).in_trace(trace_id).id(ids.span_id());
    let root = step("root").build();
    let again = || {
        span("again")
            .in_trace(trace_id)
            .id(root.span_id)
            .lasts(7)
            .build()
    };
    let own = |mut span: Span| {
        span.parent_span_id = Some(span.span_id);
        span
    };
    let (left, right) = (own(step("left").build()), own(step("right").build()));
    for (more, pill) in [
        (vec![], "1 span · no gaps"),
        (vec![left.clone()], "2 spans · 1 cycle"),
        (vec![left, right], "3 spans · 2 cycles"),
        (vec![again()], "2 spans · 1 id reused"),
    ] {
        let spans = [root.clone()].into_iter().chain(more);
        let sent = spans.map(|span| Sent::by("shop", span)).collect();
        let answer = get(&format!("/traces/{trace_id}"), FakeReader::new(sent)).await;
        assert!(answer.text().contains(pill), "{pill}: {}", answer.text());
        let is_green = answer.html.contains("pill ok");
        assert_eq!(is_green, pill.ends_with("no gaps"), "{pill}");
    }
}

#[tokio::test]
async fn a_pinned_trace_says_since_when_and_why() {
    let (sent, path) = shop();
    let trace_id = sent[0].span.trace_id;
    let retention_admin = FakeRetentionAdmin::empty();
    let note = "the <outage> of Tuesday".to_owned();
    retention_admin.pin(trace_id, note).await.expect("pins");
    let answer = get_with(&path, FakeReader::new(sent.clone()), retention_admin).await;
    let text = answer.text();
    assert!(text.contains("Pinned on 2026-"), "{text}");
    assert!(text.contains("the <outage> of Tuesday"), "{text}");
    let unpinned = get(&path, FakeReader::new(sent)).await.text();
    assert!(!unpinned.contains("Pinned"), "{unpinned}");
}

#[tokio::test]
async fn a_long_trace_says_how_much_of_it_is_drawn() {
    let mut ids = Ids::seeded(5);
    let trace_id = ids.trace_id();
    let sent: Vec<Sent> = (0..2_100)
        .map(|_| {
            Sent::by(
                "shop",
                span("step").in_trace(trace_id).id(ids.span_id()).build(),
            )
        })
        .collect();
    let cut = get(
        &format!("/traces/{trace_id}"),
        FakeReader::new(sent.clone()),
    )
    .await;
    assert_eq!(drawn_rows(&cut.html).len(), 2_000);
    assert!(
        cut.text().contains("The first 2,000 of 2,100 rows."),
        "{}",
        cut.text()
    );
    let whole = get(
        &format!("/traces/{trace_id}?rows=2100"),
        FakeReader::new(sent.clone()),
    )
    .await;
    assert_eq!(drawn_rows(&whole.html).len(), 2_100);
}

#[tokio::test]
async fn a_selected_span_below_the_row_limit_is_drawn_and_marked() {
    let mut ids = Ids::seeded(6);
    let trace_id = ids.trace_id();
    let sent: Vec<Sent> = (0..5_000)
        .map(|at| {
            let step = span("step").in_trace(trace_id).id(ids.span_id());
            let step = step.starts(NOW.saturating_add(at * 1_000));
            let step = if at == 2_500 {
                step.error("the first failure")
            } else {
                step
            };
            Sent::by("shop", step.build())
        })
        .collect();
    let far = &sent[4_000].span;
    for (path, at) in [
        (path_of(far), 4_000),
        (format!("/traces/{trace_id}"), 2_500),
    ] {
        let answer = get(&path, FakeReader::new(sent.clone())).await;
        let drawn = drawn_rows(&answer.html);
        assert_eq!(drawn.len(), 2_200, "{path}");
        assert!(drawn.contains(&at) && drawn.contains(&1_999), "{path}");
        assert!(answer.html.contains("r sel"), "{path}: the row is selected");
        let count = at - 100 - 2_000;
        let text = answer.text();
        assert!(
            text.contains(&format!("{} rows are not drawn.", grouped(count))),
            "{text}"
        );
        assert!(text.contains("those around the selected span"), "{text}");
        let (tags, _) = read(&answer.html);
        let marks = tags
            .iter()
            .filter(|tag| tag.attribute("class") == Some("at"));
        let marks: Vec<_> = marks.filter_map(|tag| tag.attribute("d")).collect();
        let y = (at as f64 + 0.5) * 40.0 / 5_000.0;
        assert!(
            matches!(marks[..], [mark] if mark.starts_with(&format!("M0 {y:.2}H100"))),
            "{marks:?}"
        );
    }
    let near = get(&path_of(&sent[10].span), FakeReader::new(sent.clone())).await;
    assert_eq!(drawn_rows(&near.html).len(), 2_000);
    let closed = get(
        &format!("/traces/{trace_id}?span=none"),
        FakeReader::new(sent),
    )
    .await;
    assert!(!closed.html.contains("class=\"at\""));
}

fn grouped(number: usize) -> String {
    throughline_viz::format_count(number as u64)
}

/// Returns the indexes of the drawn rows.
fn drawn_rows(html: &str) -> Vec<usize> {
    let (tags, _) = read(html);
    tags.iter()
        .filter_map(|tag| tag.attribute("data-row")?.parse().ok())
        .collect()
}

#[tokio::test]
async fn dropped_spans_of_the_senders_explain_what_is_missing() {
    let mut ids = Ids::seeded(14);
    let orphan = span("orphan")
        .in_trace(ids.trace_id())
        .id(ids.span_id())
        .parent(ids.span_id())
        .build();
    let reader = FakeReader::new(vec![Sent::by("shop", orphan.clone())]);
    let path = format!("/traces/{}", orphan.trace_id);
    let late = get(&path, reader.clone()).await.html;
    assert!(
        late.contains("It has not arrived.") && !late.contains("meanwhile"),
        "{late}"
    );

    let reader = reader.dropping(DroppedSpans {
        service: "shop".to_owned(),
        reason: "queue_full".to_owned(),
        span_count: 51_454,
    });
    let explained = "meanwhile shop dropped 51454 spans: queue full";
    let page = get(&path, reader.clone()).await;
    let (tags, _) = read(&page.html);
    let titles = tags.iter().filter_map(|tag| tag.attribute("title"));
    let count = titles.filter(|title| title.contains(explained)).count();
    assert_eq!(count, 2, "the head and the row: {}", page.html);
    let list = get("/traces", reader).await.text();
    let note = "Senders dropped spans in this time range: shop dropped 51,454: queue full.";
    assert!(list.contains(note), "{list}");
}

#[tokio::test]
async fn ids_that_are_wrong_or_unknown_are_404_and_said_apart() {
    let (sent, _) = shop();
    for wrong in [
        "xyz",
        "00000000000000000000000000000000",
        "4bf92f3577b34da6a3ce929d0e0e473g",
    ] {
        let answer = get(&format!("/traces/{wrong}"), FakeReader::new(sent.clone())).await;
        assert_eq!(answer.status, 404, "{wrong}");
        assert!(answer.text().contains("Invalid trace ID"), "{wrong}");
    }
    let unknown = "4bf92f3577b34da6a3ce929d0e0e4736";
    let answer = get(&format!("/traces/{unknown}"), FakeReader::new(sent)).await;
    assert_eq!(answer.status, 404);
    assert!(
        answer
            .text()
            .contains(&format!("No trace has the id {unknown}"))
    );
}

#[tokio::test]
async fn a_database_that_is_down_is_a_503_here_too() {
    let (_, path) = shop();
    let answer = get(&path, FakeReader::failing(ReadError::Unavailable)).await;
    assert_eq!(answer.status, 503);
    assert!(
        answer
            .text()
            .contains("Cannot connect to the database right now.")
    );
}

#[tokio::test]
async fn an_address_that_names_no_span_or_an_unknown_one_says_so() {
    let sent = shop_trace(&mut Ids::seeded(9));
    let trace_id = sent[0].span.trace_id;
    let reader = FakeReader::new(sent);
    for (span, words) in [
        ("zz", "span: has the wrong length"),
        ("0000000000000000", "span: "),
        ("00f067aa0ba902b7", "no such span in this trace"),
    ] {
        let answer = get(&format!("/traces/{trace_id}?span={span}"), reader.clone()).await;
        let text = answer.text();
        assert!(text.contains(words), "{span}: {text}");
        assert!(
            !answer.html.contains("class=\"span\""),
            "nothing else is shown"
        );
    }
}

#[tokio::test]
async fn many_spans_of_one_id_and_many_services_are_cut_and_counted() {
    let mut ids = Ids::seeded(41);
    let (trace_id, span_id) = (ids.trace_id(), ids.span_id());
    let of_one_id = |count: usize| {
        let sent = (0..count).map(|at| {
            let span = span("again").in_trace(trace_id).id(span_id);
            Sent::by(&format!("service-{at}"), span.lasts(at as i64).build())
        });
        sent.collect::<Vec<_>>()
    };
    for (count, parts) in [
        (
            2,
            vec!["2 spans were sent with this id; all of them are shown."],
        ),
        (
            100,
            vec![
                "100 spans were sent with this id; the first 20 are shown.",
                "+36 services",
            ],
        ),
    ] {
        let sent = of_one_id(count);
        let path = path_of(&sent[0].span);
        let text = get(&path, FakeReader::new(sent)).await.text();
        for part in parts {
            assert!(text.contains(part), "{part} is missing: {text}");
        }
    }
}
