//! Measures what takes the space of the database, and what of it retention can remove early.
//!
//! Sizes of tables are exact. The free space inside of their files is estimated from a sample of
//! their rows: no function of Postgres tells it without an extension.

use sqlx::{AssertSqlSafe, FromRow, PgConnection};
use throughline_model::{RetentionRules, RollupWindow, SpaceUse};
use throughline_wire::UnixNanos;

use super::plan::Prunable;
use super::{catalogue, rollups};
use crate::day::day_ns;
use crate::rollup::StoredWindows;

/// The most bytes of rows that are read of a table.
const SAMPLE_BYTES: f64 = (8 << 20) as f64;
/// Tables below this size are full: their free space does not matter.
const MIN_BYTES: i64 = 1 << 20;
/// The header and the line pointer of a row, in bytes.
const ROW_HEADER: &str = "28";
/// The space that rows take because they do not fill their pages.
const PAGE_OVERHEAD: f64 = 1.15;

/// The tables of rows of traces, running spans and processes.
const TRACES: [&str; 6] = [
    "traces",
    "pins",
    "open_spans",
    "processes",
    "process_drops",
    "refused_spans",
];
const DICTIONARIES: [&str; 4] = ["services", "operations", "resources", "scopes"];
const LEVEL_0: &str = "level0_blocks";
const ROLLUPS: &str = "rollups";

/// The space of the database.
#[derive(Debug, Clone, Default)]
pub(crate) struct Space {
    pub used: SpaceUse,
    /// The size of the database.
    pub used_bytes: u64,
    pub prunable: Prunable,
    /// The tables with removed rows that a `VACUUM` has not seen.
    pub dead_tables: Vec<String>,
}

#[derive(FromRow)]
struct TableRow {
    name: String,
    heap_bytes: i64,
    data_bytes: i64,
    total_bytes: i64,
    fill: f64,
    dead_rows: i64,
    row_bytes: String,
}

/// The bytes of a table with its indexes.
struct Measured {
    total: u64,
    reusable: u64,
    dead: u64,
    /// The share of the table that a sample reads, in percent.
    percent: f32,
}

impl Measured {
    const fn live(&self) -> u64 {
        self.total - self.reusable - self.dead
    }
}

/// Measures the space. `now` tells which days are past, `rules` how old raw data gets.
pub(crate) async fn space(
    connection: &mut PgConnection,
    now: UnixNanos,
    rules: &RetentionRules,
) -> Result<Space, sqlx::Error> {
    let mut space = Space::default();
    let today_ns = day_ns(now.get());
    for partition in catalogue::list(connection).await? {
        if partition.to_ns <= now.get() {
            space.used.past_days_bytes += partition.bytes;
        } else {
            space.used.today_bytes += partition.bytes;
        }
    }
    let names: Vec<&str> = [TRACES.as_slice(), &DICTIONARIES, &[LEVEL_0, ROLLUPS]].concat();
    let tables: Vec<TableRow> = sqlx::query_as(include_str!("space.sql"))
        .bind(names)
        .fetch_all(&mut *connection)
        .await?;
    for table in tables {
        let measured = measure(connection, &table).await?;
        space.used.reusable_bytes += measured.reusable;
        space.prunable.dead_bytes += measured.dead;
        let part = match table.name.as_str() {
            LEVEL_0 => &mut space.used.today_bytes,
            ROLLUPS => {
                let old = old_rollups(connection, measured.percent, rules).await?;
                space.prunable.rollup_bytes = old.map(|share| part_of(measured.live(), share));
                &mut space.used.rollups_bytes
            }
            name if DICTIONARIES.contains(&name) => &mut space.used.dictionaries_bytes,
            name => {
                if name == TRACES[0] {
                    let live = measured.live();
                    let bytes = prunable_days(connection, &space.used, live, today_ns, &measured);
                    space.prunable.day_bytes = bytes.await?;
                }
                &mut space.used.traces_bytes
            }
        };
        *part += measured.total - measured.reusable;
        if measured.dead > 0 {
            space.dead_tables.push(table.name);
        }
    }
    let bytes: i64 = sqlx::query_scalar("SELECT pg_database_size(current_database())")
        .fetch_one(connection)
        .await?;
    space.used_bytes = bytes.unsigned_abs();
    let known: u64 = space.used.parts().iter().map(|(_, bytes)| bytes).sum();
    space.used.other_bytes = space.used_bytes.saturating_sub(known);
    space.used.prunable_bytes = space.prunable.total();
    Ok(space)
}

/// Measures a table from a sample of its rows.
async fn measure(connection: &mut PgConnection, table: &TableRow) -> Result<Measured, sqlx::Error> {
    let TableRow {
        name, row_bytes, ..
    } = table;
    let percent = (SAMPLE_BYTES * 100.0 / table.heap_bytes.max(1) as f64).min(100.0);
    let mut measured = Measured {
        total: table.total_bytes.unsigned_abs(),
        reusable: 0,
        dead: 0,
        percent: percent as f32,
    };
    if table.total_bytes < MIN_BYTES {
        return Ok(measured);
    }
    let (rows, bytes): (i64, i64) = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT count(*), coalesce(sum({ROW_HEADER} + {row_bytes}), 0)::bigint \
         FROM {name} AS t TABLESAMPLE SYSTEM ($1)"
    )))
    .bind(measured.percent)
    .fetch_one(connection)
    .await?;
    let share_of =
        |bytes: f64| (bytes * PAGE_OVERHEAD / table.fill / table.data_bytes.max(1) as f64).min(1.0);
    let live_share = share_of(bytes as f64 * 100.0 / percent);
    let row_size = bytes as f64 / rows.max(1) as f64;
    let dead_share = share_of(table.dead_rows as f64 * row_size).min(1.0 - live_share);
    measured.dead = part_of(measured.total, dead_share);
    measured.reusable = part_of(measured.total, 1.0 - live_share - dead_share);
    Ok(measured)
}

/// Returns the bytes of the past days with the rows of their traces, without pinned traces.
async fn prunable_days(
    connection: &mut PgConnection,
    used: &SpaceUse,
    traces_bytes: u64,
    today_ns: i64,
    traces: &Measured,
) -> Result<u64, sqlx::Error> {
    if used.past_days_bytes == 0 {
        return Ok(0);
    }
    let (past_share, pinned_share): (f64, f64) = sqlx::query_as(include_str!("pruned_share.sql"))
        .bind(today_ns)
        .bind(traces.percent)
        .fetch_one(connection)
        .await?;
    let bytes = used.past_days_bytes + part_of(traces_bytes, past_share);
    Ok(part_of(bytes, 1.0 - pinned_share))
}

/// Returns the share of the rows of `rollups` that are older than the raw data, for each length.
async fn old_rollups(
    connection: &mut PgConnection,
    percent: f32,
    rules: &RetentionRules,
) -> Result<[f64; 3], sqlx::Error> {
    let stored = StoredWindows::read(connection).await?;
    let [quarters, hours, days] =
        RollupWindow::ALL.map(|window| rollups::old_before_ns(&stored, rules, window));
    let (quarters, hours, days) = sqlx::query_as(include_str!("old_rollups.sql"))
        .bind(percent)
        .bind(quarters)
        .bind(hours)
        .bind(days)
        .fetch_one(connection)
        .await?;
    Ok([quarters, hours, days])
}

fn part_of(bytes: u64, share: f64) -> u64 {
    (bytes as f64 * share.clamp(0.0, 1.0)) as u64
}
