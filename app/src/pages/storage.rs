//! The page `/storage`: what uses the disk space, and how long the space lasts.

use std::collections::BTreeMap;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_location;
use throughline_model::{Query, Share, StorageGauge, StorageLevel, StorageReport, TableSize, Utc};
use throughline_viz::{format_bytes, format_count, format_percent};

use crate::api::get_storage;
use crate::components::IgnoredParameters;
use crate::ui::{FailureNotice, Notice, visible};

/// Size and limits, growth, and the distribution of the bytes.
#[component]
pub(crate) fn StoragePage() -> impl IntoView {
    let search = use_location().search;
    let unknown = Signal::derive(move || Query::parse(&search.get()).decode(|_| ()).unknown);
    let report = Resource::new(|| (), |()| get_storage());
    let content = move || {
        Suspend::new(async move {
            match report.await {
                Ok(report) => view! { <Report report /> }.into_any(),
                Err(error) => {
                    let href = "/storage".to_owned();
                    view! { <FailureNotice error href /> }.into_any()
                }
            }
        })
    };
    view! {
        <Title text="Storage" />
        <div class="top">
            <h1>"Storage"</h1>
        </div>
        <IgnoredParameters unknown />
        <Transition fallback=|| {
            view! {
                <p class="card box" role="status">
                    "Measuring…"
                </p>
            }
        }>{content}</Transition>
    }
    .into_any()
}

#[component]
fn Report(report: StorageReport) -> impl IntoView {
    let StorageReport {
        gauge,
        level,
        space,
        is_stuck,
        retention_refusal,
        tables,
        days,
        growth_bytes_per_day,
        days_left,
        sampled_spans,
        by_operation,
        by_attribute,
    } = report;
    let note = format!("estimated from {} spans", format_count(sampled_spans));
    let days: Vec<_> = days
        .into_iter()
        .rev()
        .take(14)
        .map(|day| (Utc::from(day.day).date(), None, day.byte_count))
        .collect();
    let uses: Vec<Row> = space
        .parts()
        .map(|(name, bytes)| (name.to_owned(), None, bytes))
        .into();
    let prunable = format!(
        "{} can be deleted early",
        format_bytes(space.prunable_bytes)
    );
    let spans = tables.iter().find(|table| table.table == "level1_blocks");
    let partitions = spans.map_or_else(Vec::new, |table| by_day(&table.partitions));
    view! {
        {retention_refusal
            .map(|reason| {
                view! {
                    <Notice title="Nothing is deleted by age">
                        <p>{visible(&reason)}</p>
                    </Notice>
                }
            })}
        <Warning level is_stuck />
        <Gauge gauge growth=growth_bytes_per_day days_left />
        <div class="storage">
            <Bars title="By use" note=prunable rows=uses />
            <Bars title="By table" rows=with_rest(tables.iter().map(table_row).collect()) />
            <Bars title="Spans by day" rows=partitions />
            <Bars title="By operation" note=note.clone() rows=shares(by_operation) />
            <Bars title="By attribute, before compression" note rows=shares(by_attribute) />
            <Bars title="Size by day" rows=days />
        </div>
    }
    .into_any()
}

/// A banner when the disk space runs low. `is_stuck` says that an early deletion would not help.
#[component]
fn Warning(level: StorageLevel, is_stuck: bool) -> impl IntoView {
    let (title, text) = match level {
        StorageLevel::Ok => return ().into_any(),
        StorageLevel::Near => (
            "Disk space is running low",
            "More than 80 % of the budget is used, or the disk has little free space. Nothing is \
             lost yet.",
        ),
        StorageLevel::Pruning if is_stuck => (
            "The budget is nearly used up",
            "More than 85 % of the budget is used. Nothing is deleted early, because that would not \
             help. See below what takes the space, and raise the budget before the server responds \
             with 503.",
        ),
        StorageLevel::Pruning => (
            "The oldest data is being deleted",
            "More than 85 % of the budget is used. Old rollups and the oldest days are deleted \
             before their retention period ends.",
        ),
        StorageLevel::Full if is_stuck => (
            "Storage is full",
            "The server responds with 503, so senders keep their spans and retry. Nothing is deleted \
             early, because that would not help. See below what takes the space, and raise the \
             budget.",
        ),
        StorageLevel::Full => (
            "Storage is full",
            "The server responds with 503, so senders keep their spans and retry. Raise the \
             budget, shorten the retention, or free disk space.",
        ),
    };
    view! {
        <Notice title is_failure=level == StorageLevel::Full>
            <p>{text}</p>
        </Notice>
    }
    .into_any()
}

#[component]
fn Gauge(gauge: StorageGauge, growth: Option<i64>, days_left: Option<u64>) -> impl IntoView {
    let fact = |name: &'static str, value: String, more: Option<String>| {
        view! {
            <div>
                <dt>{name}</dt>
                <dd>{value} {more.map(|more| view! { <small>{more}</small> })}</dd>
            </div>
        }
    };
    let budget = gauge.budget_bytes;
    let used = budget.map(|budget| {
        let percent = format_percent(gauge.counted_bytes(), budget);
        format!("{percent} used")
    });
    let budget = budget.map_or_else(|| "none".to_owned(), format_bytes);
    let reserve = format!("{} in reserve", format_bytes(gauge.reserve_bytes));
    let (growth, known) = match growth {
        Some(bytes) => {
            let sign = if bytes < 0 { "−" } else { "+" };
            let bytes = format_bytes(bytes.unsigned_abs());
            (format!("{sign}{bytes} a day"), None)
        }
        None => ("–".to_owned(), Some("known after two days".to_owned())),
    };
    view! {
        <dl class="card tiles gauge">
            {fact("Database", format_bytes(gauge.used_bytes), None)} {fact("Budget", budget, used)}
            {gauge
                .free_bytes
                .map(|free| fact("Free on disk", format_bytes(free), Some(reserve)))}
            {fact("Growth", growth, known)}
            {days_left
                .map(|days| fact("Budget lasts", format!("{} days", format_count(days)), None))}
        </dl>
    }
    .into_any()
}

/// The number of days that are listed.
const NAMED_DAYS: usize = 31;

/// Returns the bytes of each day, newest first. A day has a partition for each class of traces.
fn by_day(partitions: &[TableSize]) -> Vec<Row> {
    let mut days = BTreeMap::<String, u64>::new();
    for partition in partitions {
        *days.entry(day_of(&partition.table)).or_default() += partition.total_bytes();
    }
    let newest_first = days.into_iter().rev().take(NAMED_DAYS);
    newest_first
        .map(|(day, bytes)| (day, None, bytes))
        .collect()
}

/// Returns the day in a partition name such as `level1_blocks_20261121_ok`. Returns any other name
/// unchanged.
fn day_of(partition: &str) -> String {
    let digits = partition
        .split('_')
        .find(|part| part.len() == 8 && part.bytes().all(|byte| byte.is_ascii_digit()));
    digits.map_or_else(
        || partition.to_owned(),
        |digits| format!("{}-{}-{}", &digits[..4], &digits[4..6], &digits[6..]),
    )
}

/// A row: name, owner, bytes.
type Row = (String, Option<String>, u64);

fn table_row(table: &TableSize) -> Row {
    let parts = format!(
        "rows {}, indexes {}, long values {}",
        format_bytes(table.heap_bytes),
        format_bytes(table.index_bytes),
        format_bytes(table.toast_bytes)
    );
    (table.table.clone(), Some(parts), table.total_bytes())
}

/// The number of tables that are listed by name. The others are summed up.
const NAMED_TABLES: usize = 8;

/// Returns the largest rows, and one row with the sum of the others.
fn with_rest(mut rows: Vec<Row>) -> Vec<Row> {
    if rows.len() > NAMED_TABLES + 1 {
        rows.sort_by_key(|(.., bytes)| core::cmp::Reverse(*bytes));
        let rest = rows.split_off(NAMED_TABLES);
        let names: Vec<_> = rest.iter().map(|(name, ..)| name.as_str()).collect();
        let bytes = rest.iter().map(|(.., bytes)| bytes).sum();
        let others = format!("{} others", rest.len());
        rows.push((others, Some(names.join(", ")), bytes));
    }
    rows
}

fn shares(shares: Vec<Share>) -> Vec<Row> {
    shares
        .into_iter()
        .take(15)
        .map(|share| {
            let service = share.service.as_deref().map(visible);
            (visible(&share.name), service, share.byte_count)
        })
        .collect()
}

/// A table with a bar in each row. The length of a bar is its share of the largest row.
#[component]
fn Bars(title: &'static str, #[prop(optional)] note: String, rows: Vec<Row>) -> impl IntoView {
    let largest = rows
        .iter()
        .map(|(.., bytes)| *bytes)
        .max()
        .unwrap_or(0)
        .max(1);
    let is_empty = rows.is_empty();
    let rows: Vec<_> = rows
        .into_iter()
        .map(|(name, detail, bytes)| {
            let length = format!("--share: {:.1}%", bytes as f64 * 100.0 / largest as f64);
            view! {
                <tr>
                    <th scope="row">
                        <span title=name.clone()>{name.clone()}</span>
                        {detail.map(|detail| view! { <small>{detail}</small> })}
                        <i class="bar" style=length aria-hidden="true"></i>
                    </th>
                    <td>{format_bytes(bytes)}</td>
                </tr>
            }
        })
        .collect();
    let body = if is_empty {
        view! { <p class="muted">"Nothing is stored yet."</p> }.into_any()
    } else {
        view! {
            <table>
                <tbody>{rows}</tbody>
            </table>
        }
        .into_any()
    };
    view! {
        <section class="card shares">
            <h2>{title} <small>{note}</small></h2>
            {body}
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_called_by_its_day() {
        assert_eq!(day_of("level1_blocks_20261121_ok"), "2026-11-21");
        assert_eq!(day_of("level1_blocks_20261121_error"), "2026-11-21");
        assert_eq!(day_of("spans_2026112é"), "spans_2026112é");
    }

    #[test]
    fn many_tables_end_in_one_row_that_loses_no_byte() {
        let rows: Vec<Row> = (1..=12).map(|at| (format!("t{at}"), None, at)).collect();
        let told = with_rest(rows.clone());
        assert_eq!(told.len(), NAMED_TABLES + 1);
        assert_eq!(
            (told[0].0.as_str(), told[8].0.as_str()),
            ("t12", "4 others")
        );
        let sum = |rows: &[Row]| rows.iter().map(|(.., bytes)| bytes).sum::<u64>();
        assert_eq!(sum(&told), sum(&rows));
        assert_eq!(with_rest(rows[..9].to_vec()).len(), 9);
    }
}
