//! Computes the positions of waterfall bars.

use throughline_wire::UnixNanos;

/// The time range of a waterfall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeline {
    /// The left end.
    pub from: UnixNanos,
    /// The right end, after `from`.
    pub to: UnixNanos,
}

/// A bar, in percent of the width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// The distance from the left.
    pub left: f64,
    /// The width.
    pub width: f64,
}

impl Timeline {
    /// Returns the length of the range in ns, at least 1.
    pub fn length_ns(self) -> i64 {
        self.to.since(self.from).max(1)
    }

    /// Returns the position of `instant` in percent from the left, clamped to the range.
    pub fn percent(self, instant: UnixNanos) -> f64 {
        (instant.since(self.from) as f64 / self.length_ns() as f64 * 100.0).clamp(0.0, 100.0)
    }

    /// Returns the bar of a span that starts at `start` and takes `duration_ns`.
    pub fn bar(self, start: UnixNanos, duration_ns: i64) -> Bar {
        let left = self.percent(start);
        let right = self.percent(start.saturating_add(duration_ns.max(0)));
        Bar {
            left,
            width: right - left,
        }
    }
}

impl Bar {
    /// Returns true if there is more space for a label on the left of the bar than on its right.
    pub fn is_labelled_left(self) -> bool {
        let right = 100.0 - self.left - self.width;
        right < 16.0 && self.left > right
    }

    /// Returns true if neither side of the bar has space for a label.
    pub fn is_labelled_inside(self) -> bool {
        self.left < 16.0 && 100.0 - self.left - self.width < 16.0
    }
}

/// Writes the custom properties for the style of the bar: `--l:12.3%;--w:4.5%`.
impl core::fmt::Display for Bar {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "--l:{:.3}%;--w:{:.3}%", self.left, self.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: Timeline = Timeline {
        from: UnixNanos::new(1_000),
        to: UnixNanos::new(2_000),
    };

    #[test]
    fn a_bar_stands_where_its_span_ran() {
        let bar = LINE.bar(UnixNanos::new(1_250), 500);
        assert_eq!(bar.to_string(), "--l:25.000%;--w:50.000%");
        assert!(!bar.is_labelled_left() && !bar.is_labelled_inside());
        assert!(LINE.bar(UnixNanos::new(1_900), 90).is_labelled_left());
        assert!(LINE.bar(UnixNanos::new(1_000), 1_000).is_labelled_inside());
    }

    #[test]
    fn what_lies_outside_is_held_at_the_ends() {
        let early = LINE.bar(UnixNanos::new(i64::MIN), 10);
        assert_eq!((early.left, early.width), (0.0, 0.0));
        let late = LINE.bar(UnixNanos::new(1_500), i64::MAX);
        assert_eq!((late.left, late.width), (50.0, 50.0));
        let empty = Timeline {
            from: LINE.from,
            to: LINE.from,
        };
        assert!(empty.percent(LINE.to).is_finite());
    }
}
