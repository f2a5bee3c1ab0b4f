//! Tests that reading and writing a query string are inverse to each other.

use proptest::prelude::*;

use throughline_wire::UnixNanos;

use super::values::KINDS;
use super::*;
use crate::filter::StatusFilter;
use crate::{Faults, Query};

/// Returns a name or id, with or without spaces around it.
fn name() -> impl Strategy<Value = Option<String>> {
    prop::option::of("[ ]?[^\\x00]\\PC{0,10}[ ]?")
}

fn operation() -> impl Strategy<Value = Option<OperationMatch>> {
    let text = "[ =~^]?[^\\s\\x00]\\PC{0,10}[ *]?";
    prop::option::of(prop_oneof![
        text.prop_map(OperationMatch::Contains),
        text.prop_map(OperationMatch::Prefix),
        "[ ]?\\PC{0,10}[ ]?".prop_map(OperationMatch::Exact),
    ])
}

fn range<T: PartialOrd + core::fmt::Debug + Clone + 'static>(
    value: impl Strategy<Value = T> + Clone + 'static,
) -> impl Strategy<Value = (Option<T>, Option<T>)> {
    (prop::option::of(value.clone()), prop::option::of(value))
        .prop_filter("in order", |(a, b)| !exceeds(a.clone(), b.clone()))
}

prop_compose! {
    fn filters()(
        minutes in 1_i64..100_000,
        service in name(),
        operation in operation(),
        kind in prop::option::of(prop::sample::select(KINDS.to_vec())),
        status in prop::option::of(prop_oneof![Just(StatusFilter::Ok), Just(StatusFilter::Error)]),
        (min_duration_ns, max_duration_ns) in range(0..i64::MAX),
        (min_spans, max_spans) in range(0..i64::MAX as u64),
        user in name(),
        session in name(),
        (correlation, is_pinned) in (name(), prop::bool::ANY),
        error in prop::option::of("[^\\s\\x00]\\PC{0,10}[^\\s\\x00]"),
        attributes in prop::collection::hash_map("[a-z.]{1,9}", "[ ]?[^\\x00]\\PC{0,10}[ ]?", 0..4),
    ) -> TraceFilter {
        TraceFilter {
            range: TimeRange::Last(minutes * UnixNanos::PER_MINUTE),
            service, operation, kind, status,
            min_duration_ns, max_duration_ns, min_spans, max_spans,
            user, session, correlation, error, is_pinned,
            attributes: attributes.into_iter()
                .map(|(key, value)| AttributeCondition { key, value })
                .collect(),
        }
    }
}

fn read(pairs: &[(&str, &str)]) -> Result<TraceFilter, Faults> {
    let query: Query = pairs.iter().copied().collect();
    query.decode(TraceFilter::decode).strict()
}

proptest! {
    #[test]
    fn a_filter_reads_back_from_its_query(filter in filters()) {
        let query: Query = filter.to_query().into_iter().collect();
        prop_assert_eq!(query.decode(TraceFilter::decode).strict(), Ok(filter));
    }

    #[test]
    fn any_pair_is_read_or_refused(key in "\\PC{0,20}", value in "\\PC{0,20}") {
        let _ = read(&[(&key, &value)]);
    }
}

#[test]
fn from_and_to_make_a_fixed_range() {
    let range = |pairs: &[(&'static str, &'static str)]| read(pairs).map(|filter| filter.range);
    let (from, to) = (("from", "2026-11-21T14:00"), ("to", "2026-11-21T15:00"));
    let hour = TimeRange::Between(
        UnixNanos::new(1_795_269_600_000_000_000),
        UnixNanos::new(1_795_273_200_000_000_000),
    );
    assert_eq!(range(&[from, to, ("range", "7d")]), Ok(hour));
    for wrong in [
        &[from][..],
        &[to],
        &[("from", to.1), ("to", from.1)],
        &[("from", "now"), to],
    ] {
        let faults = range(wrong).expect_err("refused");
        assert_eq!(faults.as_slice().len(), 1, "{faults}");
    }
}

#[test]
fn all_that_is_wrong_is_named_at_once() {
    let faults = read(&[
        ("status", "odd"),
        ("kind", "sever"),
        ("min_duration", "fast"),
        ("max_spans", "-1"),
        ("operation", "~"),
        ("attr", "no value"),
        ("servcie", "shop"),
        ("min_spans", "x"),
        ("pinned", "false"),
    ])
    .expect_err("refused");
    let mut named: Vec<_> = faults.as_slice().iter().map(|f| &*f.parameter).collect();
    named.sort_unstable();
    let expected = [
        "attr",
        "kind",
        "max_spans",
        "min_duration",
        "min_spans",
        "operation",
        "pinned",
        "servcie",
        "status",
    ];
    assert_eq!(named, expected, "{faults}");
    assert!(faults.to_string().contains("did you mean service?"));
}

#[test]
fn ends_of_a_range_must_be_in_order() {
    for pairs in [
        [("min_duration", "2s"), ("max_duration", "1s")],
        [("min_spans", "5"), ("max_spans", "4")],
    ] {
        assert!(read(&pairs).is_err(), "{pairs:?}");
    }
}

#[test]
fn conditions_on_attributes_add_up_to_a_limit() {
    let filter = read(&[
        ("attr.shop.id", "1"),
        ("attr", "shop.id=1"),
        ("attr", "shop.id=2"),
        ("attr.empty", ""),
        ("attr", " "),
    ])
    .expect("is read");
    let values: Vec<_> = filter.attributes.iter().map(ToString::to_string).collect();
    assert_eq!(values, ["shop.id=1", "shop.id=2"]);

    let many: Vec<_> = (0..9).map(|at| format!("k{at}=v")).collect();
    let many: Vec<_> = many.iter().map(|pair| ("attr", pair.as_str())).collect();
    assert!(read(&many).is_err());
    assert!(read(&[("user", &"x".repeat(10_241))]).is_err());
}

#[test]
fn a_value_with_nul_is_refused_by_the_name_of_its_parameter() {
    let faults = read(&[("service", "a\0b"), ("attr.k", "\0")]);
    let faults = faults.expect_err("refused").to_string();
    assert!(faults.contains("service: has a NUL character"), "{faults}");
    assert!(faults.contains("attr.k: has a NUL character"), "{faults}");
}

#[test]
fn names_of_senders_keep_their_spaces_and_other_values_lose_them() {
    let filter = read(&[
        ("user", " ann "),
        ("session", " "),
        ("service", " shop "),
        ("operation", "= GET /  "),
        ("correlation", "c "),
        ("attr.k", " v "),
        ("attr", " key = v "),
        ("error", " refused "),
        ("min_spans", " 5 "),
    ]);
    let filter = filter.expect("valid");
    assert_eq!(filter.user.as_deref(), Some(" ann "));
    assert_eq!(filter.session.as_deref(), Some(" "));
    assert_eq!(filter.service.as_deref(), Some(" shop "));
    let operation = OperationMatch::Exact(" GET /  ".to_owned());
    assert_eq!(filter.operation, Some(operation));
    assert_eq!(filter.correlation.as_deref(), Some("c "));
    assert_eq!(filter.attributes[0].value, " v ");
    assert_eq!(filter.attributes[1].to_string(), "key= v ");
    assert_eq!(filter.error.as_deref(), Some("refused"));
    assert_eq!(filter.min_spans, Some(5));
}
