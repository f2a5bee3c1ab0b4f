//! Every list, filter and statistics query at two sizes (R7): target and figure side by side.
//!
//! `READS_URL` names a cluster; `READS_SIZES` the numbers of spans, by default `100000,1000000`
//! (the published figures are of `1000000,10000000`). A database of that size is seeded once and
//! kept for the next run. Each figure is the median of `READS_RUNS` (default 7) after one run that
//! is not counted.

#[path = "shared/mod.rs"]
mod shared;

use std::sync::Arc;
use std::time::Instant;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use throughline_model::{
    AttributeCondition, Direction, OperationMatch, PageRequest, StatusFilter, TimeRange,
    TraceFilter, TraceReader,
};
use throughline_store::testing::seed::{SeedOptions, seed};
use throughline_store::{Store, StoreOptions};
use throughline_wire::{SpanKind, TenantId, UnixNanos};

use self::shared::{median, number};

/// When the newest trace of the seed began: noon of a fixed day, long enough ago that it is past.
fn end() -> UnixNanos {
    UnixNanos::new(1_795_262_400_000_000_000)
}

fn main() {
    shared::block_on(run());
}

async fn run() {
    let base = std::env::var("READS_URL")
        .or_else(|_| std::env::var(throughline_store::testing::URL_VARIABLE))
        .expect("READS_URL names a cluster");
    let sizes: Vec<u64> = std::env::var("READS_SIZES")
        .unwrap_or_else(|_| "100000,1000000".to_owned())
        .split(',')
        .map(|size| size.trim().parse().expect("READS_SIZES are numbers"))
        .collect();
    let mut columns = Vec::new();
    for &size in &sizes {
        columns.push(measure(&base, size).await);
    }
    print!("{:<44}", "query, median ms (p99 of the runs)");
    for size in &sizes {
        print!("{size:>22}");
    }
    println!("   ratio");
    for (at, (name, _)) in columns[0].iter().enumerate() {
        print!("{name:<44}");
        for column in &columns {
            let times = &column[at].1;
            print!("{:>12.1} ({:>6.1})", median(times), times[times.len() - 1]);
        }
        if let [first, .., last] = &columns[..] {
            print!(
                "{:>8.2}",
                median(&last[at].1) / median(&first[at].1).max(0.01)
            );
        }
        println!();
    }
    println!("target: < 100 ms, ratio <= 1.3");
    // For `cargo xtask bench`, which gathers such lines: the worst query of each size.
    let worst = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    for (size, column) in sizes.iter().zip(&columns) {
        let slowest = worst(&mut column.iter().map(|(_, times)| median(times)));
        println!("figure: R7.{size} {slowest:.4}");
    }
    if let [first, .., last] = &columns[..] {
        let pairs = first.iter().zip(last);
        let ratio = worst(&mut pairs.map(|((_, a), (_, b))| median(b) / median(a).max(0.01)));
        println!("figure: R7.ratio {ratio:.4}");
    }
}

async fn measure(base: &str, size: u64) -> Vec<(&'static str, Vec<f64>)> {
    let url = seeded(base, size).await;
    let store = Store::connect(&url, StoreOptions::new(end))
        .await
        .expect("connects");
    let reader = store.reader(TenantId::DEFAULT);
    let mut results = Vec::new();
    for (name, query) in queries() {
        let mut times = Vec::new();
        for _ in 0..=number("READS_RUNS", 7) {
            let began = Instant::now();
            query.run(&reader).await;
            times.push(began.elapsed().as_secs_f64() * 1_000.0);
        }
        let mut times = times.split_off(1);
        times.sort_by(f64::total_cmp);
        eprintln!("{size} {name}: {:.1} ms", median(&times));
        results.push((name, times));
    }
    store.close().await;
    results
}

/// The URL of a database with so many spans, made when it is not there.
async fn seeded(base: &str, size: u64) -> String {
    let name = format!("throughline_reads_{size}");
    let (address, _) = base.rsplit_once('/').expect("a URL with a database");
    let url = format!("{address}/{name}");
    let mut admin = PgConnection::connect(base).await.expect("connects");
    let is_there: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(&name)
            .fetch_one(&mut admin)
            .await
            .expect("lists databases");
    if !is_there {
        let building = format!("{name}_building");
        for statement in [
            format!("DROP DATABASE IF EXISTS {building} WITH (FORCE)"),
            format!("CREATE DATABASE {building}"),
        ] {
            sqlx::raw_sql(AssertSqlSafe(statement))
                .execute(&mut admin)
                .await
                .expect("makes the database");
        }
        let building_url = format!("{address}/{building}");
        let store = Store::connect(&building_url, StoreOptions::new(end))
            .await
            .expect("connects");
        store.migrate().await.expect("migrates");
        store.close().await;
        let began = Instant::now();
        let options = SeedOptions {
            spans: size,
            ..SeedOptions::new(end())
        };
        let stored = seed(&building_url, &options).await.expect("is seeded");
        let seconds = began.elapsed().as_secs_f64();
        eprintln!("{stored} spans seeded in {seconds:.0} s");
        sqlx::raw_sql(AssertSqlSafe(format!(
            "ALTER DATABASE {building} RENAME TO {name}"
        )))
        .execute(&mut admin)
        .await
        .expect("renames the database");
    }
    admin.close().await.expect("closes");
    url
}

/// What is asked of the reader.
enum Query {
    List(TraceFilter, PageRequest),
    SecondPage(TraceFilter),
    Statistics(TraceFilter),
    Services,
    NewestTrace,
}

impl Query {
    async fn run(&self, reader: &Arc<dyn TraceReader>) {
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
                reader.list_services().await.expect("lists");
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

fn queries() -> Vec<(&'static str, Query)> {
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
