//! The statistics over exactly the traces that match the filter.

use leptos::prelude::*;
use throughline_model::{TraceFilter, TraceStatistics, Utc};
use throughline_viz::{format_count, format_duration, format_percent};
use throughline_wire::UnixNanos;

mod chart;
mod tables;

use chart::Chart;
use tables::{OperationTable, UserTable};

/// The tiles, the chart over time, and the tables.
#[component]
pub(crate) fn StatisticsPanel(
    /// The statistics.
    statistics: TraceStatistics,
    /// The filter. The rows of the tables narrow it.
    filter: TraceFilter,
    /// The current time, for texts such as `12 s ago`.
    now: UnixNanos,
) -> impl IntoView {
    let TraceStatistics {
        from,
        to,
        buckets,
        by_operation,
        by_user,
        ..
    } = statistics.clone();
    let has_tables = !by_operation.is_empty();
    let has_users = !by_user.is_empty();
    let filter_of_users = filter.clone();
    let filter_of_chart = filter.clone();
    view! {
        <section class="statistics" aria-label="Statistics of the traces below">
            <div class="card figures">
                <Tiles statistics />
                <Chart buckets from to filter=filter_of_chart />
            </div>
            {has_tables
                .then(|| {
                    view! {
                        <div class="tables" class:two=has_users>
                            <OperationTable rows=by_operation filter />
                            {has_users
                                .then(|| {
                                    view! { <UserTable rows=by_user filter=filter_of_users now /> }
                                })}
                        </div>
                    }
                })}
        </section>
    }
    .into_any()
}

#[component]
fn Tiles(statistics: TraceStatistics) -> impl IntoView {
    let TraceStatistics {
        trace_count,
        error_count,
        p50_ns,
        p95_ns,
        max_ns,
        searched_to,
        ..
    } = statistics;
    let looked_back = searched_to.map(|to| {
        view! {
            <div
                class="wide"
                title="There are too many traces to read all. The statistics cover the newest, which began after this time."
            >
                <dt>"Searched to"</dt>
                <dd class="since" data-figure="looked-back">{since(to)}</dd>
            </div>
        }
    });
    let duration = |ns: Option<i64>| ns.map_or_else(|| "–".to_owned(), format_duration);
    let share = (trace_count > 0).then(|| format_percent(error_count, trace_count));
    view! {
        <dl class="tiles">
            <div>
                <dt>"Traces"</dt>
                <dd data-figure="traces">{format_count(trace_count)}</dd>
            </div>
            <div class:e=error_count != 0>
                <dt>"Errors"</dt>
                <dd>
                    <span data-figure="errors">{format_count(error_count)}</span>
                    <small>{share}</small>
                </dd>
            </div>
            <div>
                <dt title="50 % of the traces took at most this long">"p50"</dt>
                <dd>{duration(p50_ns)}</dd>
            </div>
            <div>
                <dt title="95 % of the traces took at most this long">"p95"</dt>
                <dd>{duration(p95_ns)}</dd>
            </div>
            <div>
                <dt>"Max"</dt>
                <dd>{duration(max_ns)}</dd>
            </div>
            {looked_back}
        </dl>
    }
    .into_any()
}

/// Formats the time to which traces were searched, in UTC.
fn since(to: UnixNanos) -> String {
    let to = Utc::from(to);
    format!("{} {}", to.date(), to.time_of_day())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_the_newest_say_since_when() {
        assert_eq!(
            since(UnixNanos::new(1_795_262_400_000_000_000)),
            "2026-11-21 12:00:00.000"
        );
    }
}
