//! Round tick positions along an axis.

use crate::format_duration;

/// A labelled tick on an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// The position along the axis, in percent.
    pub percent: f64,
    /// The label.
    pub label: String,
}

/// Returns the least number of 1, 2, 5, 10, 20, 50, ... that is not below `value`; at least 1.
pub fn nice_ceiling(value: i64) -> i64 {
    let mut power: i64 = 1;
    loop {
        for factor in [1, 2, 5] {
            match power.checked_mul(factor) {
                Some(nice) if nice >= value => return nice,
                Some(_) => {}
                None => return i64::MAX,
            }
        }
        let Some(next) = power.checked_mul(10) else {
            return i64::MAX;
        };
        power = next;
    }
}

/// Returns ticks at round durations from 0 to `length_ns`, in at most `most` steps, with trimmed
/// labels: `0`, `2.5 s`, `5 s`.
pub fn ticks(length_ns: i64, most: u32) -> Vec<Tick> {
    let length_ns = length_ns.max(1);
    let step = nice_step(length_ns, i64::from(most.max(1)));
    let mut ticks = Vec::new();
    let mut at: i64 = 0;
    while at <= length_ns {
        ticks.push(Tick {
            percent: at as f64 / length_ns as f64 * 100.0,
            label: if at == 0 {
                "0".to_owned()
            } else {
                trim(&format_duration(at))
            },
        });
        let Some(next) = at.checked_add(step) else {
            break;
        };
        at = next;
    }
    ticks
}

fn nice_step(length_ns: i64, most: i64) -> i64 {
    /// Steps in seconds for axes in minutes and hours, which people divide by 60.
    const CLOCK: [i64; 9] = [60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400];
    let least = length_ns.div_ceil_by(most);
    let clock = CLOCK.map(|seconds| seconds * 1_000_000_000);
    if least > 30_000_000_000 && least <= clock[8] {
        return clock
            .into_iter()
            .find(|step| *step >= least)
            .unwrap_or(least);
    }
    // A step of 2.5 divides a length of 10 into four, while 2 makes five steps and 5 only two.
    let nice = nice_ceiling(least);
    let quarter = nice / 2;
    if nice >= 50 && nice.to_string().starts_with('5') && quarter >= least {
        quarter
    } else {
        nice
    }
}

trait DivCeilBy {
    fn div_ceil_by(self, divisor: Self) -> Self;
}

impl DivCeilBy for i64 {
    fn div_ceil_by(self, divisor: Self) -> Self {
        self / divisor + Self::from(self % divisor != 0)
    }
}

fn trim(label: &str) -> String {
    match label.split_once(' ') {
        Some((number, unit)) if number.contains('.') => {
            let number = number.trim_end_matches('0').trim_end_matches('.');
            format!("{number} {unit}")
        }
        _ => label
            .replace(" 00 s", "")
            .replace(" 00 min", "")
            .replace(" 00 h", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(length_ns: i64) -> Vec<String> {
        ticks(length_ns, 5)
            .into_iter()
            .map(|tick| tick.label)
            .collect()
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(labels(9_810_000_000), ["0", "2 s", "4 s", "6 s", "8 s"]);
        assert_eq!(
            labels(12_000_000_000),
            ["0", "2.5 s", "5 s", "7.5 s", "10 s"]
        );
        assert_eq!(
            labels(1_240_000),
            ["0", "250 µs", "500 µs", "750 µs", "1 ms"]
        );
        assert_eq!(
            labels(240_000_000_000),
            ["0", "1 min", "2 min", "3 min", "4 min"]
        );
        assert_eq!(labels(1), ["0", "1 ns"]);
        assert_eq!(labels(0), ["0", "1 ns"]);
    }

    #[test]
    fn any_length_gets_a_handful_of_ticks_within_it() {
        let mut length_ns = 1_i64;
        while let Some(next) = length_ns.checked_mul(3) {
            let ticks = ticks(length_ns, 5);
            assert!((2..=6).contains(&ticks.len()), "{length_ns}: {ticks:?}");
            assert!(
                ticks
                    .iter()
                    .all(|tick| (0.0..=100.0).contains(&tick.percent))
            );
            length_ns = next;
        }
        assert!(ticks(i64::MAX, 5).len() <= 6);
    }

    #[test]
    fn the_next_nice_number_is_not_below() {
        assert_eq!(
            [0, 1, 3, 10, 11, 180].map(nice_ceiling),
            [1, 1, 5, 10, 20, 200]
        );
        assert_eq!(nice_ceiling(i64::MAX), i64::MAX);
    }
}
