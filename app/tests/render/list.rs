//! Tests of `/traces`.

use throughline_model::{OpenFate, ReadError, RetentionAdmin as _};
use throughline_testkit::{FakeReader, FakeRetentionAdmin, Ids, NOW, Sent, shop_trace, span};
use throughline_wire::UnixNanos;

use crate::html::read;
use crate::page::{get, get_with};

fn many(count: i64) -> FakeReader {
    let mut ids = Ids::seeded(3);
    let sent = (0..count).map(|at| {
        let start = NOW.saturating_add(-at * UnixNanos::PER_SECOND);
        let draft = span(format!("operation {at}"))
            .in_trace(ids.trace_id())
            .id(ids.span_id());
        let draft = draft
            .starts(start)
            .lasts(UnixNanos::PER_MILLI)
            .user(format!("user {at}"));
        Sent::by(
            "shop",
            if at % 10 == 0 {
                draft.error("no")
            } else {
                draft
            }
            .build(),
        )
    });
    FakeReader::new(sent.collect())
}

fn rows(html: &str) -> usize {
    let (tags, _) = read(html);
    tags.iter()
        .filter(|tag| tag.attribute("data-row").is_some())
        .count()
}

#[tokio::test]
async fn the_first_paint_has_rows_figures_and_links() {
    let answer = get("/traces", many(120)).await;
    assert_eq!((answer.status, rows(&answer.html)), (200, 50));
    let text = answer.text();
    assert!(text.contains("newest first · 50 of 120"), "{text}");
    assert!(text.contains("operation 0") && text.contains("operation 49"));
    assert!(text.contains("49 s ago"), "relative to the server's clock");
    let (tags, _) = read(&answer.html);
    let links = tags.iter().filter_map(|tag| tag.attribute("href"));
    assert_eq!(
        links.filter(|href| href.starts_with("/traces/")).count(),
        50
    );
}

#[tokio::test]
async fn figures_and_rows_follow_the_filter() {
    let answer = get("/traces?status=error&operation=0", many(120)).await;
    // 0, 10, 20 .. 110 failed. All of their names contain a 0.
    assert_eq!(rows(&answer.html), 12);
    let text = answer.text();
    assert!(
        text.contains("12 of 12") && text.contains("100 %"),
        "{text}"
    );
    let figure = |name: &str| {
        let at = answer
            .html
            .find(&format!("data-figure=\"{name}\""))
            .expect("a figure");
        let tail = &answer.html[at..];
        tail[tail.find('>').expect("closed") + 1..]
            .split('<')
            .next()
            .map(str::to_owned)
    };
    assert_eq!(figure("traces").as_deref(), Some("12"));
    assert_eq!(figure("errors").as_deref(), Some("12"));
}

#[tokio::test]
async fn pages_lead_to_each_other() {
    let href_of = |html: &str, rel: &str| {
        let (tags, _) = read(html);
        let link = tags
            .into_iter()
            .find(|tag| tag.attribute("rel") == Some(rel));
        link.and_then(|tag| tag.attribute("href").map(|href| href.replace("&amp;", "&")))
    };
    let first = get("/traces?service=shop", many(120)).await.html;
    assert_eq!(href_of(&first, "prev"), None);
    let second = get(&href_of(&first, "next").expect("older"), many(120)).await;
    assert!(second.text().contains("operation 50") && second.text().contains("operation 99"));
    let third = get(&href_of(&second.html, "next").expect("older"), many(120)).await;
    assert_eq!(
        (rows(&third.html), href_of(&third.html, "next")),
        (20, None)
    );
    let back = get(&href_of(&third.html, "prev").expect("newer"), many(120)).await;
    assert!(back.text().contains("operation 50") && !back.text().contains("operation 49 "));
}

#[tokio::test]
async fn a_filter_that_cannot_be_read_is_named_and_stays_in_its_field() {
    let answer = get("/traces?min_duration=fast&user=ada", many(5)).await;
    assert_eq!((answer.status, rows(&answer.html)), (400, 0));
    let words = "min_duration: \"fast\" is not a number with a unit such as 500ms or 1.5s";
    assert!(answer.text().contains(words), "{}", answer.text());
    let (tags, _) = read(&answer.html);
    let field = |name| tags.iter().find(|tag| tag.attribute("name") == Some(name));
    let value = |name| field(name).and_then(|tag| tag.attribute("value"));
    assert_eq!(
        (value("min_duration"), value("user")),
        (Some("fast"), Some("ada"))
    );
}

#[tokio::test]
async fn unknown_parameters_are_named_and_ignored_on_every_page() {
    let reader = many(5);
    let trace_id = reader.summaries()[0].trace_id;
    for (path, name) in [
        (
            "/traces?user=user+1&statsu=ok".to_owned(),
            "statsu (did you mean status?)",
        ),
        ("/lookup?utm_source=mail".to_owned(), "utm_source"),
        (format!("/traces/{trace_id}?tab=json"), "tab"),
        ("/storage?x=1".to_owned(), "x"),
    ] {
        let answer = get(&path, reader.clone()).await;
        assert_eq!(answer.status, 200, "{path}");
        let words = format!("Ignored unknown parameters of the address: {name}.");
        assert!(answer.text().contains(&words), "{path}: {}", answer.text());
    }
    let answer = get("/traces?user=user+1&statsu=ok", reader.clone()).await;
    assert_eq!(rows(&answer.html), 1, "the other conditions hold");
    let answer = get("/traces?user=user+1", reader).await;
    assert!(!answer.html.contains("data-ignored"));
}

#[tokio::test]
async fn the_page_links_to_names_with_spaces_and_of_any_length_that_ingest_keeps() {
    let mut ids = Ids::seeded(6);
    let long = "ä".repeat(1_024);
    for name in [" GET / ", "", "=x*", "~", &long] {
        let draft = span(name.to_owned()).in_trace(ids.trace_id());
        let draft = draft.user(" ann ").lasts(UnixNanos::PER_MILLI);
        let reader = FakeReader::new(vec![Sent::by(" shop ", draft.build())]);
        let list = get("/traces", reader.clone()).await;
        let (tags, _) = read(&list.html);
        let hrefs = tags.iter().filter_map(|tag| tag.attribute("href"));
        let hrefs: Vec<_> = hrefs
            .filter(|href| href.starts_with("/traces?"))
            .map(|href| href.replace("&amp;", "&"))
            .collect();
        assert!(
            hrefs.iter().any(|href| href.contains("operation=%3D")),
            "{hrefs:?}"
        );
        assert!(
            hrefs.iter().any(|href| href.contains("user=+ann+")),
            "{hrefs:?}"
        );
        for href in hrefs {
            let answer = get(&href, reader.clone()).await;
            // The links of the chart select a part of the time range.
            let count = usize::from(!href.contains("range="));
            assert_eq!(answer.status, 200, "{href}");
            assert!(rows(&answer.html) >= count, "{href}");
        }
    }
}

#[tokio::test]
async fn no_match_and_no_traces_at_all_are_told_apart() {
    let no_match = get("/traces?user=nobody", many(5)).await;
    assert!(no_match.text().contains("No trace matches"));
    assert!(
        no_match
            .html
            .contains("href=\"/traces?range=6h&amp;user=nobody\"")
    );
    let empty = get("/traces", FakeReader::new(Vec::new())).await;
    assert_eq!(empty.status, 200);
    let text = empty.text();
    assert!(text.contains("Waiting for the first span"));
    assert!(
        text.contains("OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318"),
        "{text}"
    );
    assert!(text.contains("ENDPOINT=http://127.0.0.1:4317"), "{text}");
    assert!(!text.contains("Zipkin"), "what is off is no way in: {text}");
}

#[tokio::test]
async fn a_database_that_is_down_is_a_503_that_says_so() {
    let answer = get("/traces", FakeReader::failing(ReadError::Unavailable)).await;
    assert_eq!(answer.status, 503);
    assert!(
        answer
            .text()
            .contains("Cannot connect to the database right now.")
    );
    let narrow = get("/traces?user=a", FakeReader::failing(ReadError::TimedOut)).await;
    assert_eq!(narrow.status, 422);
    assert!(narrow.text().contains("choose a shorter time range"));
}

#[tokio::test]
async fn an_address_that_leads_nowhere_is_a_404() {
    let answer = get("/nope", FakeReader::new(shop_trace(&mut Ids::seeded(1)))).await;
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("There is no such page"));
}

#[tokio::test]
async fn a_row_says_what_failed_first_and_what_has_not_ended() {
    let mut ids = Ids::seeded(5);
    let mut trace = |name: &'static str| {
        let draft = span(name).in_trace(ids.trace_id()).id(ids.span_id());
        draft.lasts(UnixNanos::PER_MILLI)
    };
    let failed = trace("fails")
        .error("card <b>refused</b>\nby the bank")
        .build();
    let quiet = trace("fails quietly").error("").build();
    let (running, dead) = (trace("runs").build(), trace("died").build());
    let (running_id, dead_id) = (running.trace_id, dead.trace_id);
    let sent = [failed, quiet, running, dead].map(|span| Sent::by("shop", span));
    let reader = FakeReader::new(sent.to_vec())
        .leaving_open(running_id, OpenFate::Running)
        .leaving_open(dead_id, OpenFate::ProcessDied);
    let answer = get("/traces", reader).await;
    let text = answer.text();
    assert!(text.contains("card <b>refused</b>\nby the bank"), "{text}");
    assert!(!answer.html.contains("<b>refused"));
    let (tags, _) = read(&answer.html);
    let of_class = |class: &str| {
        let of_class = tags
            .iter()
            .filter(|tag| tag.attribute("class") == Some(class));
        of_class.count()
    };
    assert_eq!(of_class("said"), 1, "a failure without a word has no line");
    assert_eq!((of_class("pill run"), of_class("pill w")), (1, 1));
    let labels = tags.iter().filter_map(|tag| tag.attribute("aria-label"));
    assert_eq!(labels.filter(|label| *label == "running").count(), 1);
    assert!(text.contains("not ended"), "{text}");
}

#[tokio::test]
async fn pinned_traces_are_marked_and_can_be_asked_for_alone() {
    let reader = many(20);
    let pinned = reader.summaries()[7].trace_id;
    let reader = reader.pinning(pinned);
    let all = get("/traces", reader.clone()).await;
    assert_eq!(
        (rows(&all.html), all.html.matches("pill pin").count()),
        (20, 1)
    );
    let only = get("/traces?pinned=true", reader.clone()).await;
    assert_eq!(rows(&only.html), 1);
    assert!(only.html.contains(&format!("/traces/{pinned}")));
    let chip = "title=\"Remove the condition pinned\"";
    assert!(only.html.contains(chip) && !all.html.contains(chip));
    let wrong = get("/traces?pinned=maybe", reader.clone()).await;
    assert_eq!(wrong.status, 400);
    for (trace, pressed) in [(pinned, "true"), (reader.summaries()[8].trace_id, "false")] {
        let retention_admin = FakeRetentionAdmin::empty();
        retention_admin
            .pin(pinned, String::new())
            .await
            .expect("pins");
        let page = get_with(&format!("/traces/{trace}"), reader.clone(), retention_admin).await;
        let (tags, _) = read(&page.html);
        let button = tags.iter().find_map(|tag| {
            tag.attribute("aria-pressed").filter(|_| {
                tag.attribute("class")
                    .is_some_and(|class| class.contains("pin"))
            })
        });
        assert_eq!(button, Some(pressed));
    }
}

#[tokio::test]
async fn a_list_of_too_many_services_is_a_field_with_suggestions() {
    let of_services = |count: usize| {
        let mut ids = Ids::seeded(5);
        let sent = (0..count).map(|at| {
            let span = span("GET /").in_trace(ids.trace_id()).id(ids.span_id());
            Sent::by(&format!("service-{at}"), span.build())
        });
        FakeReader::new(sent.collect())
    };
    for (count, field, options) in [(1_000, "select", 1_001), (1_001, "input", 1_000)] {
        let answer = get("/traces?service=service-7", of_services(count)).await;
        let (tags, _) = read(&answer.html);
        let named: Vec<_> = tags
            .iter()
            .filter(|tag| tag.attribute("name") == Some("service"))
            .collect();
        assert_eq!(named.len(), 1);
        assert_eq!(named[0].name, field);
        if field == "input" {
            assert_eq!(named[0].attribute("value"), Some("service-7"));
        }
        let suggested = tags.iter().filter(|tag| {
            let value = tag.attribute("value").unwrap_or_default();
            tag.name == "option" && (value.is_empty() || value.starts_with("service-"))
        });
        assert!(suggested.count() >= options, "{count}");
        assert!(answer.html.len() < 1 << 20);
    }
}
