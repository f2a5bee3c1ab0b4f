//! Tests of the statements' texts.

use throughline_model::{AttributeCondition, OperationMatch, StatusFilter, TimeRange};
use throughline_wire::SpanKind;

use super::*;

#[test]
fn no_value_of_a_filter_is_part_of_the_statement() {
    let text = || Some("'; DROP TABLE spans; --".to_owned());
    let condition = |key: &str| AttributeCondition {
        key: key.to_owned(),
        value: "'; DROP TABLE spans; --".to_owned(),
    };
    let filter = TraceFilter {
        range: TimeRange::Last(1_234_567),
        service: text(),
        operation: text().map(OperationMatch::Prefix),
        kind: Some(SpanKind::Server),
        status: Some(StatusFilter::Error),
        min_duration_ns: Some(1_234_567),
        max_duration_ns: Some(1_234_567),
        min_spans: Some(1_234_567),
        max_spans: Some(1_234_567),
        user: text(),
        session: text(),
        correlation: text(),
        is_pinned: true,
        error: text(),
        attributes: vec![condition("DROP"), condition("'DROP'")],
    };
    let now = UnixNanos::new(1_234_567_890);
    let known = Known {
        attributes: vec![
            KnownAttribute::Indexed,
            KnownAttribute::Searched {
                resources: vec![1_234_567],
            },
        ],
        operations: Some(vec![1_234_567]),
        service_traces: None,
    };
    let selection = Selection::new(Uuid::nil(), &filter, now, &known);
    let unknown = Known::default();
    let searched = Selection::new(Uuid::nil(), &filter, now, &unknown);
    for query in [
        selection.page(PageRequest::default(), 50),
        selection.total(Sample::Sixteenth),
        selection.statistics(Sample::All),
        selection.search_end(None),
        searched.page(PageRequest::default(), 50),
        selection.explained(Lead::Names),
        selection.beyond(Lead::Service, 10_000),
        operations(Uuid::nil(), &filter).expect("asks for operations"),
    ] {
        let sql = query.sql();
        let sql = sql.as_str();
        assert!(!sql.contains("DROP"), "{sql}");
        assert!(!sql.contains("1234567"), "{sql}");
    }
}

#[test]
fn sixty_buckets_cover_any_range() {
    for (from, to) in [(0, 1), (0, 60), (0, 61), (-5, 119), (i64::MIN, i64::MAX)] {
        let filter = TraceFilter {
            range: TimeRange::Between(UnixNanos::new(from), UnixNanos::new(to)),
            ..TraceFilter::default()
        };
        let known = Known::default();
        let selection = Selection::new(Uuid::nil(), &filter, UnixNanos::new(0), &known);
        let last = (selection.to_ns - 1 - selection.from_ns) / selection.bucket_ns();
        assert!(
            last < TraceStatistics::BUCKETS as i64,
            "{from}..{to}: {last}"
        );
    }
}
