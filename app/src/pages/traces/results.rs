//! What `/traces` shows once its answer is there.

use leptos::prelude::*;
use throughline_model::{Page, TimeRange, Total, TraceFilter, TraceStatistics, TraceSummary};
use throughline_viz::format_count;
use throughline_wire::UnixNanos;

use crate::api::{ApiError, Dated};
use crate::components::{FilterChips, Pager, WaysIn, describe_range};
use crate::context::ServerInfo;
use crate::panels::{StatisticsPanel, TraceList};
use crate::state::{ListRequest, LiveList, filter_href};
use crate::ui::Notice;

/// One page of traces, and when it was read.
pub(super) type Listed = Dated<Page<TraceSummary>>;

/// In what order, and how many of how many: never more exact than it is known.
pub(super) fn count_of(answer: Option<Result<Listed, ApiError>>) -> AnyView {
    let Some(Ok(Dated { value: page, .. })) = answer else {
        return ().into_any();
    };
    if page.items.is_empty() {
        return ().into_any();
    }
    let total = match page.total {
        Total::Exact(count) => format_count(count),
        Total::AtLeast(count) => format!("{}+", format_count(count)),
        Total::Estimated(count) => format!("about {}", format_count(count)),
    };
    let shown = format_count(page.items.len() as u64);
    let text = format!("newest first · {shown} of {total}");
    view! {
        <p class="count" data-total=total>
            {text}
        </p>
    }
    .into_any()
}

/// The statistics, unless there is nothing they could say.
#[component]
pub(super) fn Figures(
    statistics: TraceStatistics,
    filter: TraceFilter,
    now: UnixNanos,
) -> impl IntoView {
    view! {
        <FilterChips filter=filter.clone() />
        {(statistics.trace_count > 0).then(|| view! { <StatisticsPanel statistics filter now /> })}
    }
    .into_any()
}

/// The list, or why it is empty.
#[component]
pub(super) fn Results(
    list: Listed,
    request: ListRequest,
    services: Result<Vec<String>, ApiError>,
    server: Option<ServerInfo>,
    live: LiveList,
) -> impl IntoView {
    let Dated { now, value: page } = list;
    live.start(page.items.clone(), now);
    if !page.items.is_empty() {
        return view! {
            <TraceList live />
            <Pager request page />
        }
        .into_any();
    }
    // Services are known from the first span on, whatever the time range.
    match (services, server) {
        (Ok(services), Some(server)) if services.is_empty() => {
            view! { <WaysIn server /> }.into_any()
        }
        _ => view! { <NoMatch filter=request.filter /> }.into_any(),
    }
}

/// Says what was looked for in vain, and how to look wider.
#[component]
fn NoMatch(filter: TraceFilter) -> impl IntoView {
    let wider = wider(filter.range).map(|range| {
        let href = filter_href(&TraceFilter {
            range,
            ..filter.clone()
        });
        view! {
            <a class="btn primary" href=href>
                {format!("Look at the last {range}")}
            </a>
        }
    });
    let any = filter.is_narrowed().then(|| {
        let href = filter_href(&TraceFilter {
            range: filter.range,
            ..TraceFilter::default()
        });
        view! {
            <a class="btn" href=href>
                "Keep only the time range"
            </a>
        }
    });
    let range = describe_range(filter.range);
    let what = if filter.is_narrowed() {
        format!("Of the traces that began in this time ({range}) none meets every condition.")
    } else {
        format!("No trace began in this time ({range}).")
    };
    view! {
        <Notice title="No trace matches">
            <p>{what}</p>
            <p class="ways">
                {wider} {any} <a class="btn" href="/traces">
                    "Clear all"
                </a>
            </p>
        </Notice>
    }
    .into_any()
}

/// A longer range to look at; none beyond what is kept by default.
fn wider(range: TimeRange) -> Option<TimeRange> {
    let steps = [
        30 * UnixNanos::PER_MINUTE,
        UnixNanos::PER_HOUR,
        6 * UnixNanos::PER_HOUR,
        UnixNanos::PER_DAY,
        7 * UnixNanos::PER_DAY,
        30 * UnixNanos::PER_DAY,
    ];
    let length = match range {
        TimeRange::Last(length) => length,
        TimeRange::Between(..) => UnixNanos::PER_DAY,
    };
    steps
        .into_iter()
        .find(|step| *step > length)
        .map(TimeRange::Last)
}

/// What stands in for a part that is being read.
#[component]
pub(super) fn Loading() -> impl IntoView {
    view! {
        <div class="card loading" role="status" aria-label="Loading">
            {[(); 5].map(|()| view! { <i></i> })}
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wider_range_is_always_longer_and_ends_somewhere() {
        let mut range = TimeRange::Last(1);
        let mut steps = 0;
        while let Some(next) = wider(range) {
            let (TimeRange::Last(was), TimeRange::Last(is)) = (range, next) else {
                panic!("relative");
            };
            assert!(is > was);
            range = next;
            steps += 1;
        }
        assert_eq!(steps, 6);
    }
}
