//! Benchmarks every list, filter and statistics query at two sizes (R7), and searches of spans
//! (S4). Prints each figure next to its target.
//!
//! `READS_URL` is the URL of a Postgres cluster. `READS_SIZES` is the list of the numbers of spans.
//! The default is `100000,1000000`; the published figures use `1000000,10000000`. A database of
//! each size is seeded once and reused by later runs. Each figure is the median of `READS_RUNS`
//! runs (default 7), after one warm-up run.
//!
//! The ratio of R7 is the largest among the queries that take [`NOTICEABLE_MS`] or more at the
//! larger size. Users do not notice shorter times, and single milliseconds vary between runs. The
//! output names the faster queries over the target too.

#[path = "reads/queries.rs"]
mod queries;
#[path = "reads/searches.rs"]
mod searches;
#[path = "shared/mod.rs"]
mod shared;

use std::collections::BTreeMap;
use std::time::Instant;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use throughline_store::testing::seed::{SeedOptions, seed};
use throughline_store::{Store, StoreOptions};
use throughline_wire::{TenantId, UnixNanos};

use self::queries::queries;
use self::searches::searches;
use self::shared::{median, number};

/// The minimum time of a query that counts for the ratio, in ms.
const NOTICEABLE_MS: f64 = 10.0;
/// The maximum ratio of the time at the larger size to the time at the smaller size.
const MOST_RATIO: f64 = 1.3;

/// The times of each query in ms, in the order of the queries.
type Column = Vec<(&'static str, Vec<f64>)>;

/// Returns the start of the newest seeded trace: noon of a fixed day in the past.
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
    let mut stores = Vec::new();
    for &size in &sizes {
        let url = seeded(&base, size).await;
        let store = Store::connect(&url, StoreOptions::new(end)).await;
        stores.push(store.expect("connects"));
    }
    let columns = measure(&stores, &sizes).await;
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
    println!("target: < 100 ms, ratio <= {MOST_RATIO} for queries of {NOTICEABLE_MS} ms or more");
    for (size, column) in sizes.iter().zip(&columns) {
        let slowest = worst(column.iter().map(|(_, times)| median(times)));
        println!("figure: R7.{size} {slowest:.4}");
    }
    if let [first, .., last] = &columns[..] {
        compare(first, last);
    }
    measure_searches(&stores, &sizes).await;
    for store in stores {
        store.close().await;
    }
}

/// Measures the searches of spans (S4) and prints the slowest of each figure.
async fn measure_searches(stores: &[Store], sizes: &[u64]) {
    let mut slowest: BTreeMap<(&str, u64), f64> = BTreeMap::new();
    for search in searches() {
        for (store, size) in stores.iter().zip(sizes) {
            let mut times = Vec::new();
            for round in 0..=number("READS_RUNS", 7) {
                let began = Instant::now();
                search.run(store).await;
                if round > 0 {
                    times.push(began.elapsed().as_secs_f64() * 1_000.0);
                }
            }
            let time = median(&times);
            println!("{size} {}: {time:.1} ms", search.name);
            let slowest = slowest.entry((search.figure, *size)).or_default();
            *slowest = slowest.max(time);
        }
    }
    for ((figure, size), time) in slowest {
        println!("figure: {figure}.{size} {time:.4}");
    }
}

fn worst(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, f64::max)
}

/// Compares the two sizes and prints the largest ratio among noticeable queries. `cargo xtask
/// bench` parses this line.
fn compare(first: &Column, last: &Column) {
    let pairs = first.iter().zip(last).map(|((name, a), (_, b))| {
        let (a, b) = (median(a), median(b));
        (name, a, b, b / a.max(0.01))
    });
    let (slow, fast): (Vec<_>, Vec<_>) = pairs.partition(|(_, _, b, _)| *b >= NOTICEABLE_MS);
    let beyond: Vec<_> = fast
        .iter()
        .filter(|(.., ratio)| *ratio > MOST_RATIO)
        .collect();
    println!(
        "{} queries take {NOTICEABLE_MS} ms or more; of the {} others {} are beyond {MOST_RATIO}:",
        slow.len(),
        fast.len(),
        beyond.len()
    );
    for (name, a, b, ratio) in &beyond {
        println!("  {name}: {a:.1} -> {b:.1} ms ({ratio:.2})");
    }
    let ratio = |queries: &[(_, _, _, f64)]| worst(queries.iter().map(|(.., ratio)| *ratio));
    println!("figure: R7.ratio {:.4}", ratio(&slow));
    println!("figure: R7.ratio.fast {:.4}", ratio(&fast));
    println!(
        "figure: R7.fast_beyond_ms {:.4}",
        worst(beyond.iter().map(|(_, _, b, _)| *b))
    );
}

/// Measures all queries and returns a column for each size. The sizes alternate, so that other load
/// on the machine affects both.
async fn measure(stores: &[Store], sizes: &[u64]) -> Vec<Column> {
    let readers: Vec<_> = stores
        .iter()
        .map(|store| store.reader(TenantId::DEFAULT))
        .collect();
    let mut columns: Vec<Column> = sizes.iter().map(|_| Vec::new()).collect();
    for (name, query) in queries() {
        let mut times: Vec<Vec<f64>> = sizes.iter().map(|_| Vec::new()).collect();
        for round in 0..=number("READS_RUNS", 7) {
            for (reader, times) in readers.iter().zip(&mut times) {
                let began = Instant::now();
                query.run(reader).await;
                if round > 0 {
                    times.push(began.elapsed().as_secs_f64() * 1_000.0);
                }
            }
        }
        for ((column, mut times), size) in columns.iter_mut().zip(times).zip(sizes) {
            times.sort_by(f64::total_cmp);
            eprintln!("{size} {name}: {:.1} ms", median(&times));
            column.push((name, times));
        }
    }
    columns
}

/// Returns the URL of a database with this number of spans. Creates the database if it does not
/// exist.
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
