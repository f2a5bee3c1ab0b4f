//! The queries of the benchmark.

use std::sync::Arc;

use throughline_model::{
    AttributeCondition, Direction, OperationMatch, PageRequest, StatusFilter, TimeRange,
    TraceFilter, TraceReader,
};
use throughline_wire::{SpanKind, UnixNanos};

/// A query to the reader.
pub(crate) enum Query {
    List(TraceFilter, PageRequest),
    SecondPage(TraceFilter),
    Statistics(TraceFilter),
    Services,
    NewestTrace,
}

impl Query {
    pub(crate) async fn run(&self, reader: &Arc<dyn TraceReader>) {
        match self {
            Self::List(filter, page) => {
                reader.list_traces(filter, *page).await.expect("lists");
            }
            Self::SecondPage(filter) => {
                let first = reader
                    .list_traces(filter, PageRequest::default())
                    .await
                    .expect("lists");
                let request = PageRequest {
                    from: first.after.map(|at| (Direction::After, at)),
                    ..PageRequest::default()
                };
                reader.list_traces(filter, request).await.expect("lists");
            }
            Self::Statistics(filter) => {
                reader.trace_statistics(filter).await.expect("computes");
            }
            Self::Services => {
                reader.list_services("").await.expect("lists");
            }
            Self::NewestTrace => {
                let newest = reader
                    .list_traces(&TraceFilter::default(), PageRequest::default())
                    .await
                    .expect("lists");
                let id = newest.items[0].trace_id;
                reader.trace_skeleton(id).await.expect("reads");
            }
        }
    }
}

/// Returns every kind of query with its name.
pub(crate) fn queries() -> Vec<(&'static str, Query)> {
    let week = TraceFilter {
        range: TimeRange::Last(8 * UnixNanos::PER_DAY),
        ..TraceFilter::default()
    };
    let with = |edit: &dyn Fn(&mut TraceFilter)| {
        let mut filter = week.clone();
        edit(&mut filter);
        filter
    };
    let text = |text: &str| Some(text.to_owned());
    let filters = [
        (
            "the last hour",
            "statistics of the last hour",
            TraceFilter::default(),
        ),
        ("eight days", "statistics of eight days", week.clone()),
        (
            "service",
            "statistics of a service",
            with(&|filter| filter.service = text("service-03")),
        ),
        (
            "rare service",
            "statistics of a rare service",
            with(&|filter| filter.service = text("nobody")),
        ),
        (
            "errors",
            "statistics of errors",
            with(&|filter| filter.status = Some(StatusFilter::Error)),
        ),
        (
            "user",
            "statistics of a user",
            with(&|filter| filter.user = text("user-17")),
        ),
        (
            "session",
            "statistics of a session",
            with(&|filter| filter.session = text("session-17-0")),
        ),
        (
            "longer than 1 s",
            "statistics of longer than 1 s",
            with(&|filter| filter.min_duration_ns = Some(1_000_000_000)),
        ),
        (
            "from 100 ms to 200 ms",
            "statistics of 100 ms to 200 ms",
            with(&|filter| {
                filter.min_duration_ns = Some(100_000_000);
                filter.max_duration_ns = Some(200_000_000);
            }),
        ),
        (
            "up to 0.1 ms (none is)",
            "statistics of up to 0.1 ms",
            with(&|filter| filter.max_duration_ns = Some(100_000)),
        ),
        (
            "a rare operation, exactly",
            "statistics of a rare operation",
            with(&|filter| {
                let name = "GET /s01/resource-016".to_owned();
                filter.operation = Some(OperationMatch::Exact(name));
            }),
        ),
        (
            "operations that begin so",
            "statistics of operations that begin so",
            with(&|filter| filter.operation = Some(OperationMatch::Prefix("GET /s0".to_owned()))),
        ),
        (
            "operations that contain this",
            "statistics of operations that contain this",
            with(&|filter| filter.operation = Some(OperationMatch::Contains("-012".to_owned()))),
        ),
        (
            "a request id",
            "statistics of a request id",
            with(&|filter| filter.correlation = text("request-00000001-4711")),
        ),
        (
            "kind, service and errors",
            "statistics of kind, service and errors",
            with(&|filter| {
                filter.kind = Some(SpanKind::Server);
                filter.service = text("service-02");
                filter.status = Some(StatusFilter::Error);
            }),
        ),
        (
            "text of an error (searched)",
            "statistics of a text of an error (searched)",
            with(&|filter| filter.error = text("upstream 17 ")),
        ),
        (
            "many spans (searched)",
            "statistics of many spans (searched)",
            with(&|filter| filter.min_spans = Some(1_000)),
        ),
        (
            "an attribute without index (searched)",
            "statistics of an attribute without index (searched)",
            with(&|filter| {
                filter.attributes = vec![AttributeCondition {
                    key: "http.route".to_owned(),
                    value: "/s01/resource-016".to_owned(),
                }];
            }),
        ),
    ];
    let mut queries = Vec::new();
    for (list, statistics, filter) in filters {
        queries.push((list, Query::List(filter.clone(), PageRequest::default())));
        queries.push((statistics, Query::Statistics(filter)));
    }
    queries.extend([
        ("second page of eight days", Query::SecondPage(week)),
        ("services", Query::Services),
        ("newest trace", Query::NewestTrace),
    ]);
    queries
}
