//! Every kind of predicate finds what a naive evaluation over the same spans finds, page by page.

use std::sync::Arc;

use throughline_model::{
    AttributeOwner, CheckedPredicate, Comparison, Cursor, Direction, PageRequest, SearchValue,
    SpanField, SpanPredicate, TimeRange, TracePredicate, TraceSummary,
};
use throughline_store::testing::search;
use throughline_store::{Store, StoreOptions};
use throughline_testkit::{Ids, Sent, span, summaries_of};
use throughline_wire::{
    AttributeValue, InstrumentationScope, Resource, SpanEvent, SpanKind, StatusCode, UnixNanos,
};

use crate::support::{Fixture, unmatched};

const KEYS: [&str; 5] = ["http.route", "shop.size", "ratio", "cached", "tags"];
const OWNERS: [AttributeOwner; 5] = [
    AttributeOwner::Any,
    AttributeOwner::Span,
    AttributeOwner::Event,
    AttributeOwner::Resource,
    AttributeOwner::Scope,
];

fn below(ids: &mut Ids, bound: u64) -> usize {
    ids.below(bound) as usize
}

fn word(ids: &mut Ids) -> &'static str {
    ["cart", "Order", "7", "true", "2.5", "order-cart", "", "ä"][below(ids, 8)]
}

fn value(ids: &mut Ids) -> AttributeValue {
    match ids.below(8) {
        0..=2 => word(ids).into(),
        3 => (ids.below(9) as i64).into(),
        4 => (ids.below(6) as f64 / 2.0).into(),
        5 => (ids.below(2) == 0).into(),
        6 => vec![
            AttributeValue::from(word(ids)),
            (ids.below(9) as i64).into(),
        ]
        .into(),
        _ => vec![1_u8, 2].into(),
    }
}

/// Traces of one to four spans, some of which begin long after the first.
fn sent(ids: &mut Ids, fixture: &Fixture) -> Vec<Sent> {
    let mut sent = Vec::new();
    for _ in 0..70 {
        let trace_id = ids.trace_id();
        let start = fixture.at_ms(-400_000 - (ids.below(60) as i64) * 30_000);
        for _ in 0..=ids.below(4) {
            let kind = [SpanKind::Server, SpanKind::Client, SpanKind::Internal][below(ids, 3)];
            let mut one = span(["GET /cart", "PUT /Cart", "work", "ÄRGER ΟΔΟΣ"][below(ids, 4)])
                .in_trace(trace_id)
                .id(ids.span_id())
                .kind(kind)
                .starts(start.saturating_add(ids.below(400_000) as i64 * 1_000_000))
                .lasts(ids.below(1_000) as i64);
            if ids.below(3) == 0 {
                one = one.error(["Timed out", "no cart", "ärger"][below(ids, 3)]);
            }
            for key in KEYS {
                if ids.below(3) == 0 {
                    one = one.with(key, value(ids));
                }
            }
            // Stored as a payload.
            if ids.below(12) == 0 {
                one = one.with("body", format!("{}{}", "o".repeat(9_000), word(ids)));
            }
            let mut one = one.build();
            if ids.below(4) == 0 {
                one.events.push(SpanEvent {
                    time: one.start,
                    name: "event".into(),
                    attributes: [(KEYS[below(ids, 5)], value(ids))].into_iter().collect(),
                    dropped_attributes_count: 0,
                });
            }
            let service = ["shop", "database"][below(ids, 2)];
            let mut resource = Resource::of_service(service);
            if ids.below(2) == 0 {
                resource.attributes.insert(KEYS[below(ids, 2)], word(ids));
            }
            let mut scope = InstrumentationScope::default();
            if ids.below(4) == 0 {
                scope.attributes.insert(KEYS[below(ids, 2)], word(ids));
            }
            sent.push(Sent {
                resource: Arc::new(resource),
                scope: Arc::new(scope),
                span: one,
            });
        }
    }
    // The spans of a trace arrive in different commits.
    for at in 0..sent.len() {
        let other = ids.below(sent.len() as u64) as usize;
        sent.swap(at, other);
    }
    sent
}

fn compare(field: SpanField, operator: Comparison, value: impl Into<SearchValue>) -> SpanPredicate {
    SpanPredicate::compare(field, operator, value)
}

fn comparison(ids: &mut Ids) -> SpanPredicate {
    let text = [
        Comparison::Eq,
        Comparison::NotEq,
        Comparison::StartsWith,
        Comparison::Contains,
        Comparison::Matches,
    ][below(ids, 5)];
    let order = [
        Comparison::Eq,
        Comparison::NotEq,
        Comparison::Less,
        Comparison::LessEq,
        Comparison::Greater,
        Comparison::GreaterEq,
    ][below(ids, 6)];
    let equal = [Comparison::Eq, Comparison::NotEq][below(ids, 2)];
    match ids.below(14) {
        0 => compare(
            SpanField::Name,
            text,
            ["GET /cart", "ca", "put", "k$", "är", "οδος"][below(ids, 6)],
        ),
        1 => compare(
            SpanField::Kind,
            equal,
            ["server", "client", "consumer"][below(ids, 3)],
        ),
        2 => compare(
            SpanField::Service,
            text,
            ["shop", "data", "a"][below(ids, 3)],
        ),
        3 => compare(SpanField::Status, equal, ["error", "unset"][below(ids, 2)]),
        4 => compare(
            SpanField::StatusMessage,
            text,
            ["cart", "TIMED", "ÄRGER", "o"][below(ids, 4)],
        ),
        5 => compare(SpanField::DurationNs, order, ids.below(1_000) as i64),
        6 => SpanPredicate::Exists(SpanField::StatusMessage),
        7 => {
            let text = [text, Comparison::Eq][below(ids, 2)];
            let whole = format!("{}{}", "o".repeat(9_000), word(ids));
            let wanted = [whole.as_str(), "oor", "ooo", "t$", "… \\["][below(ids, 5)];
            compare(attribute(AttributeOwner::Any, "body"), text, wanted)
        }
        8 => compare(SpanField::AnyAttribute, text, word(ids)),
        9 => SpanPredicate::Exists(field(ids)),
        10 => compare(field(ids), order, ids.below(9) as i64),
        11 => compare(field(ids), order, ids.below(6) as f64 / 2.0),
        12 => compare(field(ids), equal, ids.below(2) == 0),
        _ => compare(field(ids), text, word(ids)),
    }
}

fn attribute(owner: AttributeOwner, key: &str) -> SpanField {
    SpanField::Attribute {
        owner,
        key: key.to_owned(),
    }
}

fn field(ids: &mut Ids) -> SpanField {
    attribute(OWNERS[below(ids, 5)], KEYS[below(ids, 5)])
}

fn span_predicate(ids: &mut Ids, depth: u32) -> SpanPredicate {
    let parts = |ids: &mut Ids| {
        (0..=ids.below(2))
            .map(|_| span_predicate(ids, depth - 1))
            .collect()
    };
    match if depth == 0 { 9 } else { ids.below(8) } {
        0 | 1 => SpanPredicate::And(parts(ids)),
        2 => SpanPredicate::Or(parts(ids)),
        3 => SpanPredicate::Not(Box::new(span_predicate(ids, depth - 1))),
        _ => comparison(ids),
    }
}

fn trace_predicate(ids: &mut Ids, depth: u32) -> TracePredicate {
    let parts = |ids: &mut Ids| {
        (0..=ids.below(2))
            .map(|_| trace_predicate(ids, depth - 1))
            .collect()
    };
    match if depth == 0 { 9 } else { ids.below(8) } {
        0 | 1 => TracePredicate::And(parts(ids)),
        2 => TracePredicate::Or(parts(ids)),
        3 => TracePredicate::Not(Box::new(trace_predicate(ids, depth - 1))),
        _ => TracePredicate::Has(span_predicate(ids, 2)),
    }
}

/// The predicate, evaluated span by span.
fn has(predicate: &TracePredicate, spans: &[&Sent]) -> bool {
    match predicate {
        TracePredicate::Has(span) => spans.iter().any(|sent| is(span, sent)),
        TracePredicate::And(parts) => parts.iter().all(|part| has(part, spans)),
        TracePredicate::Or(parts) => parts.iter().any(|part| has(part, spans)),
        TracePredicate::Not(part) => !has(part, spans),
    }
}

fn is(predicate: &SpanPredicate, sent: &Sent) -> bool {
    match predicate {
        SpanPredicate::And(parts) => parts.iter().all(|part| is(part, sent)),
        SpanPredicate::Or(parts) => parts.iter().any(|part| is(part, sent)),
        SpanPredicate::Not(part) => !is(part, sent),
        SpanPredicate::Exists(field) => !values(field, sent).is_empty(),
        SpanPredicate::Compare {
            field,
            operator,
            value,
        } => {
            let values = values(field, sent);
            let folds = matches!(field, SpanField::Name | SpanField::StatusMessage);
            let passes = |operator| {
                values
                    .iter()
                    .any(|known| compares(known, operator, value, folds))
            };
            match operator {
                Comparison::NotEq => !values.is_empty() && !passes(Comparison::Eq),
                operator => passes(*operator),
            }
        }
    }
}

/// The values of a field; an element of an array is one, and an array another that equals nothing.
fn values(field: &SpanField, sent: &Sent) -> Vec<AttributeValue> {
    let span = &sent.span;
    let status = match span.status.code {
        StatusCode::Unset => "unset",
        StatusCode::Ok => "ok",
        StatusCode::Error => "error",
    };
    match field {
        SpanField::Name => vec![span.name.clone().into()],
        SpanField::Kind => vec![span.kind.as_str().into()],
        SpanField::Service => vec![sent.resource.service_name().to_owned().into()],
        SpanField::Status => vec![status.into()],
        SpanField::StatusMessage if span.status.message.is_empty() => Vec::new(),
        SpanField::StatusMessage => vec![span.status.message.clone().into()],
        SpanField::DurationNs => vec![span.duration_ns().into()],
        SpanField::Attribute { owner, key } => attributes(*owner, Some(key), sent),
        SpanField::AnyAttribute => attributes(AttributeOwner::Any, None, sent),
    }
}

fn attributes(owner: AttributeOwner, wanted: Option<&String>, sent: &Sent) -> Vec<AttributeValue> {
    let mut owned = vec![
        (AttributeOwner::Span, &sent.span.attributes),
        (AttributeOwner::Resource, &sent.resource.attributes),
        (AttributeOwner::Scope, &sent.scope.attributes),
    ];
    for event in &sent.span.events {
        owned.push((AttributeOwner::Event, &event.attributes));
    }
    owned.retain(|(of, _)| owner == AttributeOwner::Any || owner == *of);
    let all = owned
        .into_iter()
        .flat_map(|(_, attributes)| attributes.iter());
    let all = all.filter(|(key, _)| wanted.is_none_or(|wanted| wanted == key));
    all.flat_map(|(_, value)| match value {
        AttributeValue::Array(values) => {
            let mut all = values.clone();
            all.push(AttributeValue::Empty);
            all
        }
        value => vec![value.clone()],
    })
    .collect()
}

fn compares(
    known: &AttributeValue,
    operator: Comparison,
    wanted: &SearchValue,
    folds: bool,
) -> bool {
    let number = match known {
        AttributeValue::Int(number) => Some(*number as f64),
        AttributeValue::Double(number) => Some(*number),
        _ => None,
    };
    match wanted {
        SearchValue::Bool(truth) => matches!(known, AttributeValue::Bool(known) if known == truth),
        SearchValue::Integer(wanted) => {
            number.is_some_and(|number| ordered(number, operator, *wanted as f64))
        }
        SearchValue::Double(wanted) => {
            number.is_some_and(|number| ordered(number, operator, *wanted))
        }
        SearchValue::Text(wanted) => {
            let text = match known {
                AttributeValue::Str(text) => text.to_string(),
                AttributeValue::Int(number) => number.to_string(),
                AttributeValue::Double(number) => number.to_string(),
                AttributeValue::Bool(truth) => truth.to_string(),
                _ => return false,
            };
            let fold = |text: &str| {
                if folds {
                    throughline_model::fold_case(text).into_owned()
                } else {
                    text.to_owned()
                }
            };
            match operator {
                Comparison::StartsWith => fold(&text).starts_with(&fold(wanted)),
                Comparison::Contains => fold(&text).contains(&fold(wanted)),
                // Those that are asked for end in `$` or have no special character.
                Comparison::Matches => match wanted.strip_suffix('$') {
                    Some(end) => text.ends_with(end),
                    None if wanted == "2.5" => text.contains("2.5"),
                    None => text.contains(&wanted.replace('\\', "")),
                },
                _ => text == *wanted,
            }
        }
    }
}

#[expect(clippy::float_cmp, reason = "equality of numbers is what is asked for")]
fn ordered(number: f64, operator: Comparison, wanted: f64) -> bool {
    match operator {
        Comparison::Less => number < wanted,
        Comparison::LessEq => number <= wanted,
        Comparison::Greater => number > wanted,
        Comparison::GreaterEq => number >= wanted,
        _ => number == wanted,
    }
}

async fn walk(
    store: &Store,
    predicate: &CheckedPredicate,
    direction: Direction,
    mut from: Option<Cursor>,
) -> Vec<TraceSummary> {
    let range = TimeRange::Last(UnixNanos::PER_DAY);
    let mut all: Vec<Vec<TraceSummary>> = Vec::new();
    for _ in 0..500 {
        let page = PageRequest {
            limit: 7,
            from: from.map(|cursor| (direction, cursor)),
        };
        let page = search(store, predicate, range, page)
            .await
            .expect("searches");
        all.push(unmatched(page.items));
        from = match direction {
            Direction::After => page.after,
            Direction::Before => page.before,
        };
        if from.is_none() {
            if direction == Direction::Before {
                all.reverse();
            }
            return all.concat();
        }
    }
    panic!("the pages of {predicate:?} do not end");
}

#[tokio::test]
async fn every_predicate_finds_what_a_naive_evaluation_finds_page_by_page() {
    let fixture = Fixture::new().await;
    let ids = &mut Ids::seeded(280);
    let sent = sent(ids, &fixture);
    for (at, commit) in sent.chunks(11).enumerate() {
        fixture.write(commit).await;
        // The last third stays in level 0.
        if at % 4 == 3 && at * 11 < sent.len() * 2 / 3 {
            fixture.store.compact_once().await.expect("compacts");
        }
    }
    let summaries = summaries_of(&sent);
    let hasty = fixture.hasty(9);
    // Keeps hardly any list of blocks, and none where no leaf leads to few.
    let now = fixture.now;
    let forgetful = fixture.database.store_with(StoreOptions {
        search_listed_blocks: 2,
        search_driven_spans: 600,
        ..StoreOptions::new(move || now)
    });
    let (mut some, mut many) = (0, 0);
    for round in 0..120 {
        let predicate = match round % 3 {
            0 => TracePredicate::Has(comparison(ids)),
            1 => TracePredicate::Has(span_predicate(ids, 2)),
            _ => trace_predicate(ids, 2),
        };
        let predicate = CheckedPredicate::new(predicate).expect("is within the limits");
        let mut truth = summaries.clone();
        truth.retain(|trace| {
            let spans: Vec<&Sent> = sent
                .iter()
                .filter(|sent| sent.span.trace_id == trace.trace_id)
                .collect();
            has(predicate.get(), &spans)
        });
        some += usize::from(!truth.is_empty());
        many += usize::from(truth.len() > 14);
        let store = [&fixture.store, &hasty, &forgetful, &fixture.store][round / 3 % 4];
        let down = walk(store, &predicate, Direction::After, None).await;
        let starts = |traces: &[TraceSummary]| -> Vec<_> {
            traces
                .iter()
                .map(|trace| (trace.start, trace.trace_id))
                .collect()
        };
        assert_eq!(starts(&down), starts(&truth), "{predicate:?}");
        assert_eq!(down, truth);
        if let Some(last) = truth.last() {
            let end = Cursor {
                start: last.start,
                trace_id: last.trace_id,
            };
            let up = walk(store, &predicate, Direction::Before, Some(end)).await;
            assert_eq!(up, truth[..truth.len() - 1], "{predicate:?}");
        }
    }
    assert!(some > 45 && many > 18, "{some} {many}: the test is blunt");
    hasty.close().await;
    forgetful.close().await;
}
