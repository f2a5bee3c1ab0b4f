//! Reads the numbers of passed and failed tests from the output of test runners.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::summary::Counts;

/// Sums the `test result:` lines of cargo test and of wasm-bindgen's runner.
pub(super) fn in_libtest(text: &str) -> Counts {
    let mut counts = Counts::default();
    for line in plain(text).lines() {
        if let Some((_, numbers)) = line.split_once("test result: ") {
            counts.passed += number_before(numbers, "passed");
            counts.failed += number_before(numbers, "failed");
        }
    }
    counts
}

/// Reads the `Summary` line of cargo-nextest.
pub(super) fn in_nextest(text: &str) -> Counts {
    let text = plain(text);
    let summary = text
        .lines()
        .rfind(|line| line.trim_start().starts_with("Summary ["));
    let numbers = summary.unwrap_or_default();
    let failed = ["failed", "timed out", "exec failed"];
    Counts {
        passed: number_before(numbers, "passed"),
        failed: failed.iter().map(|word| number_before(numbers, word)).sum(),
    }
}

/// Reads the JSON report of Playwright. A flaky test counts as failed.
pub(super) fn in_playwright(report: &Path) -> Result<Counts> {
    let text = std::fs::read_to_string(report)
        .with_context(|| format!("Playwright wrote no report to {}", report.display()))?;
    let report: Value = serde_json::from_str(&text)?;
    let number = |name: &str| report["stats"][name].as_u64().unwrap_or(0);
    let errors = report["errors"].as_array().map_or(0, Vec::len) as u64;
    Ok(Counts {
        passed: number("expected"),
        failed: number("unexpected") + number("flaky") + errors,
    })
}

/// Returns the number before a word: 57 for `57 passed (1 slow), 2 skipped` and `passed`.
fn number_before(text: &str, word: &str) -> u64 {
    text.split([',', ';', ':', '.'])
        .filter_map(|part| part.trim().split_once(' '))
        .filter(|(_, rest)| rest.split('(').next().map(str::trim) == Some(word))
        .filter_map(|(number, _)| number.parse::<u64>().ok())
        .sum()
}

/// Returns the text without colour escape sequences.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after
            .split_once(|c: char| c.is_ascii_alphabetic())
            .map_or("", |(_, rest)| rest);
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: u64, failed: u64) -> Counts {
        Counts { passed, failed }
    }

    #[test]
    fn the_results_of_several_test_binaries_are_summed() {
        let text = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; \
                    finished in 0.01s\n\ntest result: FAILED. 4 passed; 2 failed; 0 ignored\n";
        assert_eq!(in_libtest(text), counts(7, 2));
    }

    #[test]
    fn the_summary_of_nextest_is_read_with_colours_and_without() {
        let text = "     Summary [   0.123s] 57 tests run: 57 passed (1 slow), 2 skipped\n";
        assert_eq!(in_nextest(text), counts(57, 0));
        let text = "\u{1b}[31m     Summary\u{1b}[0m [ 9.1s] \u{1b}[1m10\u{1b}[0m tests run: \
                    \u{1b}[1m7\u{1b}[0m \u{1b}[32mpassed\u{1b}[0m, 2 failed, 1 timed out, 0 skipped";
        assert_eq!(in_nextest(text), counts(7, 3));
    }

    #[test]
    fn a_flaky_test_and_a_broken_file_are_failures() -> Result<()> {
        let file = std::env::temp_dir().join(format!("xtask-report-{}", std::process::id()));
        let report = r#"{"stats":{"expected":5,"unexpected":1,"flaky":1},"errors":[{}]}"#;
        std::fs::write(&file, report)?;
        assert_eq!(in_playwright(&file)?, counts(5, 3));
        std::fs::remove_file(file)?;
        Ok(())
    }
}
