//! `/storage`: what takes the room, and how long it will do.

use leptos::prelude::*;
use leptos_meta::Title;
use throughline_model::{Share, StorageGauge, StorageLevel, StorageReport, TableSize, Utc};
use throughline_viz::{format_bytes, format_count, format_percent};

use crate::api::get_storage;
use crate::ui::{FailureNotice, Notice};

/// Size and limits, growth, and where the bytes are.
#[component]
pub(crate) fn StoragePage() -> impl IntoView {
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
    let partitions: Vec<_> = tables
        .iter()
        .filter(|table| table.table == "spans")
        .flat_map(|table| table.partitions.iter().take(31))
        .map(|table| (table.table.clone(), None, table.total_bytes()))
        .collect();
    view! {
        <Warning level />
        <Gauge gauge growth=growth_bytes_per_day days_left />
        <div class="storage">
            <Bars title="By table" rows=tables.iter().map(table_row).collect() />
            <Bars title="Spans by day" rows=partitions />
            <Bars title="By operation" note=note.clone() rows=shares(by_operation) />
            <Bars title="By attribute, before compression" note rows=shares(by_attribute) />
            <Bars title="Size by day" rows=days />
        </div>
    }
    .into_any()
}

/// A banner when the room runs out.
#[component]
fn Warning(level: StorageLevel) -> impl IntoView {
    let (title, text) = match level {
        StorageLevel::Ok => return ().into_any(),
        StorageLevel::Near => (
            "The room runs out",
            "More than 80 % of the budget are used, or the disk has little left. Nothing is lost \
             yet.",
        ),
        StorageLevel::Pruning => (
            "The oldest days are going",
            "More than 85 % of the budget are used, or the disk has little left. With a budget \
             the oldest days go before their time.",
        ),
        StorageLevel::Full => (
            "There is no room to store more",
            "Senders are told to keep their spans (503) until there is room. Raise the budget, \
             shorten the retention, or free the disk.",
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
    let fact = |name: &'static str, value: String| {
        view! {
            <div>
                <dt>{name}</dt>
                <dd>{value}</dd>
            </div>
        }
    };
    let share = |budget: u64| {
        let share = format_percent(gauge.used_bytes, budget);
        format!("{} ({share} used)", format_bytes(budget))
    };
    let growth = growth.map(|bytes| {
        let sign = if bytes < 0 { "−" } else { "+" };
        format!("{sign}{} a day", format_bytes(bytes.unsigned_abs()))
    });
    view! {
        <dl class="card tiles gauge">
            {fact("Database", format_bytes(gauge.used_bytes))}
            {fact("Budget", gauge.budget_bytes.map_or_else(|| "none".to_owned(), share))}
            {gauge
                .free_bytes
                .map(|free| {
                    let reserve = format_bytes(gauge.reserve_bytes);
                    fact("Free on disk", format!("{} ({reserve} in reserve)", format_bytes(free)))
                })}
            {fact("Growth", growth.unwrap_or_else(|| "known after two days".to_owned()))}
            {days_left.map(|days| fact("Budget lasts", format!("{} days", format_count(days))))}
        </dl>
    }
    .into_any()
}

/// Name, what it belongs to, bytes.
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

fn shares(shares: Vec<Share>) -> Vec<Row> {
    shares
        .into_iter()
        .take(15)
        .map(|share| (share.name, share.service, share.byte_count))
        .collect()
}

/// A table whose rows have a bar as long as their share of the largest.
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
        <section class="card bars">
            <h2>{title} <small>{note}</small></h2>
            {body}
        </section>
    }
    .into_any()
}
