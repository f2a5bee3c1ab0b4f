//! The summary of a test run: the steps, their results and their durations.

use std::fmt::Write as _;
use std::time::Duration;

/// The numbers of tests in a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

/// The result of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed(String),
    /// The step did not run, for this reason.
    Skipped(String),
}

/// One line of the table.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) step: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) took: Duration,
    /// The numbers of tests; `None` for a step that is a single check.
    pub(crate) counts: Option<Counts>,
}

impl Line {
    /// Returns the contribution of this step to the totals: its tests, or one for a single check. A
    /// step that failed without a failed test, such as a compile error, counts as one failure.
    fn counts(&self) -> Counts {
        let own = self.counts.unwrap_or_default();
        match &self.outcome {
            Outcome::Skipped(_) => Counts::default(),
            Outcome::Passed if self.counts.is_none() => Counts {
                passed: 1,
                failed: 0,
            },
            Outcome::Failed(_) if own.failed == 0 => Counts { failed: 1, ..own },
            Outcome::Passed | Outcome::Failed(_) => own,
        }
    }
}

/// Reports whether every step that ran passed.
pub(crate) fn is_success(lines: &[Line]) -> bool {
    !lines
        .iter()
        .any(|line| matches!(line.outcome, Outcome::Failed(_)))
}

/// Returns the table. Its last line is `N passed, N failed`.
pub(crate) fn table(lines: &[Line]) -> String {
    let mut text = String::new();
    let mut total = Counts::default();
    let mut took = Duration::ZERO;
    for line in lines {
        let (result, note) = match &line.outcome {
            Outcome::Passed => ("passed", String::new()),
            Outcome::Failed(reason) => ("FAILED", reason.lines().next().unwrap_or("").to_owned()),
            Outcome::Skipped(reason) => ("skipped", reason.clone()),
        };
        let tests = line
            .counts
            .map_or_else(String::new, |counts| match counts.failed {
                0 => format!("{} tests", counts.passed),
                failed => format!("{} tests, {failed} failed", counts.passed + failed),
            });
        let note = [tests, note]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>();
        let row = format!(
            "{:<12} {result:<8} {:>7.1} s  {}",
            line.step,
            line.took.as_secs_f64(),
            note.join("; ")
        );
        // Writing to a String cannot fail.
        let _written = writeln!(text, "{}", row.trim_end());
        let counts = line.counts();
        total = Counts {
            passed: total.passed + counts.passed,
            failed: total.failed + counts.failed,
        };
        took += line.took;
    }
    let _written = writeln!(
        text,
        "{:<12} {:<8} {:>7.1} s",
        "together",
        "",
        took.as_secs_f64()
    );
    let _written = write!(text, "{} passed, {} failed", total.passed, total.failed);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(step: &'static str, outcome: Outcome, counts: Option<(u64, u64)>) -> Line {
        let counts = counts.map(|(passed, failed)| Counts { passed, failed });
        Line {
            step,
            outcome,
            took: Duration::from_millis(1500),
            counts,
        }
    }

    #[test]
    fn tests_are_summed_and_steps_without_tests_count_as_one() {
        let lines = [
            line("fmt", Outcome::Passed, None),
            line(
                "unit",
                Outcome::Failed("2 tests failed".into()),
                Some((40, 2)),
            ),
            line(
                "deny",
                Outcome::Skipped("cargo-deny is not installed".into()),
                None,
            ),
        ];
        let table = table(&lines);
        assert_eq!(table.lines().last(), Some("41 passed, 2 failed"));
        assert!(
            table.contains("unit         FAILED       1.5 s  42 tests, 2 failed"),
            "{table}"
        );
        assert!(table.contains("deny         skipped      1.5 s  cargo-deny is not installed"));
        assert!(!is_success(&lines));
    }

    #[test]
    fn a_step_that_does_not_compile_counts_as_a_failure() {
        let lines = [line(
            "unit",
            Outcome::Failed("no build".into()),
            Some((0, 0)),
        )];
        assert_eq!(table(&lines).lines().last(), Some("0 passed, 1 failed"));
    }

    #[test]
    fn a_run_of_skipped_and_passed_steps_succeeds() {
        let lines = [
            line("fmt", Outcome::Passed, None),
            line("deny", Outcome::Skipped("not there".into()), None),
        ];
        assert!(is_success(&lines));
        assert_eq!(table(&lines).lines().last(), Some("1 passed, 0 failed"));
    }
}
