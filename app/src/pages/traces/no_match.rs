//! The notice in place of an empty list.

use leptos::prelude::*;
use throughline_model::{TimeRange, TraceFilter};
use throughline_wire::UnixNanos;

use crate::components::{Continue, Pager, describe_range, how_far};
use crate::state::{PageLinks, filter_href};
use crate::ui::Notice;

/// Reports that no trace matches, and how to widen the search.
#[component]
pub(super) fn NoMatch(
    /// The filter.
    filter: TraceFilter,
    /// The links of the page. A search that stopped at its limit can continue.
    links: PageLinks,
) -> impl IntoView {
    let mut links = links;
    let searched = links.searched.take();
    let is_over = searched.is_none();
    let wider = wider(filter.range).map(|range| {
        let href = filter_href(&TraceFilter {
            range,
            ..filter.clone()
        });
        view! {
            <a class="btn" class:primary=is_over href=href>
                {format!("Search the last {range}")}
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
    let (title, what) = if let Some(searched) = &searched {
        let what = format!(
            "{} No index covers all conditions, so each step of the search reads some thousand traces.",
            how_far(searched)
        );
        ("No trace matches so far", what)
    } else if filter.is_narrowed() {
        let what =
            format!("No trace that began in this time range ({range}) meets all conditions.");
        ("No trace matches", what)
    } else {
        (
            "No trace matches",
            format!("No trace began in this time range ({range})."),
        )
    };
    let goes_on = searched.map(|searched| view! { <Continue searched /> });
    view! {
        <Notice title>
            <p>{what}</p>
            <p class="ways">
                {goes_on} {wider} {any} <a class="btn" href="/traces">
                    "Clear all"
                </a>
            </p>
        </Notice>
        <Pager links />
    }
    .into_any()
}

/// Returns a longer range to search. `None` beyond the default retention.
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
