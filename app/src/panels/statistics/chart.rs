//! The chart of traces over time: bars with failed traces in red, and the 95th percentile as a
//! line.

use core::fmt::Write as _;

use leptos::prelude::*;
use throughline_model::{TimeBucket, TimeRange, TraceFilter, Utc};
use throughline_viz::time_chart::CountBar;
use throughline_viz::{ChartSize, TimeChart, format_count, format_duration};
use throughline_wire::UnixNanos;

use crate::state::filter_href;

const SIZE: ChartSize = ChartSize {
    width: 1_000.0,
    height: 100.0,
};

/// The chart. Each bucket links to the list of its time range.
#[component]
pub(super) fn Chart(
    /// The buckets, equal in length.
    buckets: Vec<TimeBucket>,
    /// The start of the first bucket.
    from: UnixNanos,
    /// The end of the last bucket.
    to: UnixNanos,
    /// The filter of the statistics.
    filter: TraceFilter,
) -> impl IntoView {
    let chart = TimeChart::of(&buckets, SIZE);
    let step = SIZE.width / buckets.len().max(1) as f64;
    let ends: Vec<UnixNanos> = buckets
        .iter()
        .skip(1)
        .map(|next| next.start)
        .chain([to])
        .collect();
    let bars: Vec<_> = buckets
        .iter()
        .zip(&chart.bars)
        .zip(ends)
        .map(|((bucket, bar), end)| {
            let range = TimeRange::Between(bucket.start, end);
            let href = filter_href(&TraceFilter {
                range,
                ..filter.clone()
            });
            view! { <ChartBar title=describe(bucket) href bar=*bar step /> }
        })
        .collect();
    let dots: Vec<_> = chart
        .p95_dots
        .iter()
        .map(|(x, y)| {
            let dot = format!("M{x:.1} {y:.1}h0");
            view! { <path class="p95 dot" d=dot vector-effect="non-scaling-stroke" /> }
        })
        .collect();
    let has_line = !chart.p95_path.is_empty() || !dots.is_empty();
    let view_box = format!("0 0 {} {}", SIZE.width, SIZE.height);
    let ceiling = format_count(chart.count_ceiling);
    let p95_ceiling = format_duration(chart.duration_ceiling_ns);
    view! {
        <figure class="chart">
            <figcaption>
                <span>
                    <i class="key bars"></i>
                    {format!("traces, up to {ceiling}")}
                </span>
                <span>
                    <i class="key bars e"></i>
                    "failed"
                </span>
                {has_line
                    .then(|| {
                        view! {
                            <span>
                                <i class="key line"></i>
                                {format!("p95, up to {p95_ceiling}")}
                            </span>
                        }
                    })}
            </figcaption>
            <svg viewBox=view_box preserveAspectRatio="none" role="group" aria-label="Traces over time">
                {bars}
                <path class="p95" d=chart.p95_path vector-effect="non-scaling-stroke" />
                {dots}
            </svg>
            <div class="ends">
                <time>{label(from, from, to)}</time>
                <time>{label(UnixNanos::new(from.get() / 2 + to.get() / 2), from, to)}</time>
                <time>{label(to, from, to)} " UTC"</time>
            </div>
        </figure>
    }
    .into_any()
}

#[component]
fn ChartBar(title: String, href: String, bar: CountBar, step: f64) -> impl IntoView {
    let rect = |class, top: f64, bottom: f64| {
        (bottom > top).then(|| {
            view! {
                <rect
                    class=class
                    x=format!("{:.2}", bar.x)
                    y=format!("{top:.2}")
                    width=format!("{:.2}", bar.width)
                    height=format!("{:.2}", bottom - top)
                />
            }
        })
    };
    view! {
        // `a` and `title` are SVG elements only within an SVG element.
        <g>
            <a href=href tabindex="-1">
                <title>{title}</title>
                <rect
                    class="hit"
                    x=format!("{:.2}", bar.x - step * 0.1)
                    y="0"
                    width=format!("{step:.2}")
                    height=SIZE.height.to_string()
                />
                {rect("ok", bar.top, bar.error_top)}
                {rect("e", bar.error_top, SIZE.height)}
            </a>
        </g>
    }
    .into_any()
}

fn describe(bucket: &TimeBucket) -> String {
    let start = Utc::from(bucket.start);
    let mut text = format!(
        "{} {} UTC: {} traces, {} failed",
        start.date(),
        &start.time_of_day()[..8],
        format_count(bucket.trace_count),
        format_count(bucket.error_count),
    );
    if let (Some(p50), Some(p95), Some(max)) = (bucket.p50_ns, bucket.p95_ns, bucket.max_ns) {
        let [p50, p95, max] = [p50, p95, max].map(format_duration);
        // Writing to a string cannot fail.
        let _ = write!(text, ", p50 {p50}, p95 {p95}, max {max}");
    }
    text
}

/// Formats the time of day. Includes the date if the range is longer than a day.
fn label(instant: UnixNanos, from: UnixNanos, to: UnixNanos) -> String {
    let utc = Utc::from(instant);
    let length = to.since(from);
    if length > UnixNanos::PER_DAY + UnixNanos::PER_HOUR {
        utc.to_minutes().replace('T', " ")
    } else if length < 10 * UnixNanos::PER_MINUTE {
        utc.time_of_day()[..8].to_owned()
    } else {
        utc.time_of_day()[..5].to_owned()
    }
}
