//! The statistics by operation and by user. Each row links to the list filtered by it.

use leptos::prelude::*;
use throughline_model::{OperationMatch, OperationRow, TraceFilter, UserRow, Utc};
use throughline_viz::{format_ago, format_count, format_duration, format_percent};
use throughline_wire::UnixNanos;

use crate::state::filter_href;
use crate::ui::{ServiceTag, visible};

/// The number of rows that are shown. The others are folded.
const FIRST_ROWS: usize = 4;

/// The statistics by root operation.
#[component]
pub(super) fn OperationTable(
    /// The rows, most traces first.
    rows: Vec<OperationRow>,
    /// The filter of the statistics.
    filter: TraceFilter,
) -> impl IntoView {
    let head = ["By operation", "Traces", "Errors", "p50", "p95", "Max"];
    let rows = rows.into_iter().map(|row| {
        let href = filter_href(&TraceFilter {
            operation: Some(OperationMatch::Exact(row.operation.clone())),
            service: Some(row.service.clone()),
            ..filter.clone()
        });
        let [p50, p95, max] = [row.p50_ns, row.p95_ns, row.max_ns].map(format_duration);
        view! {
            <tr>
                <th scope="row">
                    <a href=href title=visible(&row.operation)>
                        {visible(&row.operation)}
                    </a>
                    <ServiceTag name=row.service />
                </th>
                <td>{format_count(row.trace_count)}</td>
                <Errors count=row.error_count of=row.trace_count />
                <td class="minor">{p50}</td>
                <td>{p95}</td>
                <td class="minor">{max}</td>
            </tr>
        }
        .into_any()
    });
    view! { <FoldedTable head=head.to_vec() rows=rows.collect() /> }
}

/// The statistics by user.
#[component]
pub(super) fn UserTable(
    /// The rows, most traces first.
    rows: Vec<UserRow>,
    /// The filter of the statistics.
    filter: TraceFilter,
    /// The current time, for texts such as `12 s ago`.
    now: UnixNanos,
) -> impl IntoView {
    let head = ["By user", "Traces", "Errors", "p95", "Last seen"];
    let rows = rows.into_iter().map(|row| {
        let href = filter_href(&TraceFilter {
            user: Some(row.user.clone()),
            ..filter.clone()
        });
        view! {
            <tr>
                <th scope="row">
                    <a href=href title=visible(&row.user)>
                        {visible(&row.user)}
                    </a>
                </th>
                <td>{format_count(row.trace_count)}</td>
                <Errors count=row.error_count of=row.trace_count />
                <td>{format_duration(row.p95_ns)}</td>
                <td class="minor wide" title=Utc::from(row.last_seen).to_string()>
                    {format_ago(row.last_seen, now)}
                </td>
            </tr>
        }
        .into_any()
    });
    view! { <FoldedTable head=head.to_vec() rows=rows.collect() /> }
}

#[component]
fn Errors(count: u64, of: u64) -> impl IntoView {
    let title = format_percent(count, of);
    view! {
        <td class:e=count != 0 title=title>
            {if count == 0 { "·".to_owned() } else { format_count(count) }}
        </td>
    }
    .into_any()
}

/// The first rows, and a fold with the others that needs no script.
#[component]
fn FoldedTable(head: Vec<&'static str>, mut rows: Vec<AnyView>) -> impl IntoView {
    let rest = rows.split_off(FIRST_ROWS.min(rows.len()));
    let count = rest.len();
    let head: Vec<_> = head
        .into_iter()
        .map(|title| {
            let is_minor = matches!(title, "p50" | "Max" | "Last seen");
            let is_wide = title == "Last seen";
            view! {
                <th scope="col" class:minor=is_minor class:wide=is_wide>
                    {title}
                </th>
            }
        })
        .collect();
    let rest = (count > 0).then(|| {
        view! {
            <details>
                <summary>{format!("{count} more")}</summary>
                <table>
                    <tbody>{rest}</tbody>
                </table>
            </details>
        }
    });
    view! {
        <div class="card table">
            <table>
                <thead>
                    <tr>{head}</tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
            {rest}
        </div>
    }
    .into_any()
}
