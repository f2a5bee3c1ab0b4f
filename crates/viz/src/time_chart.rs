//! Lays out the chart of trace counts, error counts and durations over time.

use core::fmt::Write as _;

use throughline_model::TimeBucket;

use crate::nice_ceiling;

/// The size of the drawing area, in SVG user units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChartSize {
    /// The width.
    pub width: f64,
    /// The height.
    pub height: f64,
}

/// A bar chart of trace counts with a line of durations.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeChart {
    /// One bar for each bucket, including empty ones.
    pub bars: Vec<CountBar>,
    /// The 95th percentile of durations as the `d` attribute of an SVG path. The line breaks at
    /// empty buckets.
    pub p95_path: String,
    /// Points `(x, y)` of single buckets between empty ones, because a line of one point is
    /// invisible.
    pub p95_dots: Vec<(f64, f64)>,
    /// The count at the top of the chart.
    pub count_ceiling: u64,
    /// The duration at the top of the chart, in ns.
    pub duration_ceiling_ns: i64,
}

/// The bar of one bucket, in SVG user units: failed traces at the bottom, the others above.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CountBar {
    /// The left edge.
    pub x: f64,
    /// The width, without the gap.
    pub width: f64,
    /// The top of the whole bar.
    pub top: f64,
    /// The top of the failed part; the bottom of the chart if no trace failed.
    pub error_top: f64,
}

impl TimeChart {
    /// Lays out `buckets` in an area of `size`.
    pub fn of(buckets: &[TimeBucket], size: ChartSize) -> Self {
        /// The minimum height of the failed part, so that it stays visible.
        const LEAST: f64 = 2.0;
        let most = buckets.iter().map(|bucket| bucket.trace_count).max();
        let count_ceiling = most.unwrap_or(0).max(1);
        let longest = buckets.iter().filter_map(|bucket| bucket.p95_ns).max();
        let duration_ceiling_ns = nice_ceiling(longest.unwrap_or(1));
        let step = size.width / buckets.len().max(1) as f64;
        let height_of = |count: u64| match count {
            0 => 0.0,
            count => (count as f64 / count_ceiling as f64 * size.height).max(LEAST),
        };
        let bars = buckets
            .iter()
            .enumerate()
            .map(|(at, bucket)| {
                let error_height = height_of(bucket.error_count);
                CountBar {
                    x: at as f64 * step + step * 0.1,
                    width: step * 0.8,
                    top: size.height - height_of(bucket.trace_count).max(error_height),
                    error_top: size.height - error_height,
                }
            })
            .collect();
        let points: Vec<Option<(f64, f64)>> = buckets
            .iter()
            .enumerate()
            .map(|(at, bucket)| {
                let share = bucket.p95_ns? as f64 / duration_ceiling_ns as f64;
                let y = size.height * (1.0 - share.clamp(0.0, 1.0));
                Some(((at as f64 + 0.5) * step, y))
            })
            .collect();
        let (p95_path, p95_dots) = line_through(&points);
        Self {
            bars,
            p95_path,
            p95_dots,
            count_ceiling,
            duration_ceiling_ns,
        }
    }
}

fn line_through(points: &[Option<(f64, f64)>]) -> (String, Vec<(f64, f64)>) {
    let (mut path, mut dots) = (String::new(), Vec::new());
    for run in points.split(Option::is_none) {
        match run {
            [Some(alone)] => dots.push(*alone),
            run => {
                for (at, (x, y)) in run.iter().flatten().enumerate() {
                    let command = if at == 0 { 'M' } else { 'L' };
                    // Writing to a string cannot fail.
                    let _ = write!(path, "{command}{x:.1} {y:.1}");
                }
            }
        }
    }
    (path, dots)
}

#[cfg(test)]
mod tests {
    use throughline_wire::UnixNanos;

    use super::*;

    const SIZE: ChartSize = ChartSize {
        width: 100.0,
        height: 50.0,
    };

    fn bucket(trace_count: u64, error_count: u64, p95_ns: Option<i64>) -> TimeBucket {
        TimeBucket {
            start: UnixNanos::new(0),
            trace_count,
            error_count,
            p50_ns: p95_ns,
            p95_ns,
            max_ns: p95_ns,
        }
    }

    #[test]
    fn bars_fill_the_area_and_errors_stand_at_their_foot() {
        let chart = TimeChart::of(
            &[
                bucket(10, 5, Some(100)),
                bucket(0, 0, None),
                bucket(5, 0, Some(50)),
            ],
            SIZE,
        );
        assert_eq!((chart.bars[0].top, chart.bars[0].error_top), (0.0, 25.0));
        assert_eq!((chart.bars[1].top, chart.bars[1].error_top), (50.0, 50.0));
        assert_eq!((chart.bars[2].top, chart.bars[2].error_top), (25.0, 50.0));
        assert_eq!((chart.count_ceiling, chart.duration_ceiling_ns), (10, 100));
    }

    #[test]
    fn the_line_breaks_where_nothing_happened() {
        let some = |ns| bucket(1, 0, Some(ns));
        let none = || bucket(0, 0, None);
        let chart = TimeChart::of(&[some(100), some(50), none(), some(100), none()], SIZE);
        assert_eq!(chart.p95_path, "M10.0 0.0L30.0 25.0");
        assert_eq!(chart.p95_dots, [(70.0, 0.0)]);
    }

    #[test]
    fn a_lone_error_among_thousands_is_still_seen() {
        let chart = TimeChart::of(&[bucket(100_000, 1, Some(1))], SIZE);
        assert!(chart.bars[0].error_top <= 48.0);
        let empty = TimeChart::of(&[], SIZE);
        assert!(empty.bars.is_empty() && empty.p95_path.is_empty());
    }
}
