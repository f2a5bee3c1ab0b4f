//! The table of targets and figures, as Markdown that is readable as plain text too.

use std::fmt::Write as _;

use super::figures::Figures;
use super::targets::{MORE, TARGETS};

/// Returns the table with its heading and its notes.
pub(crate) fn markdown(figures: &Figures, machine: &str, full: bool) -> String {
    let mut text = format!(
        "{} run on {machine}.\n\n| id | what | target | figure | verdict |\n|---|---|---|---|---|\n",
        if full { "Full" } else { "Quick" }
    );
    for (id, what, name, digits, target) in TARGETS {
        let (figure, verdict) = match figures.get(name) {
            None => (String::new(), "not measured"),
            Some(figure) => {
                let verdict = if target.is_met(figure) {
                    "met"
                } else {
                    "**missed**"
                };
                (format!("{figure:.digits$}"), verdict)
            }
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {id:<3} | {what:<55} | {:>7} | {figure:>7} | {verdict} |",
            target.text()
        );
    }
    for (what, name) in MORE {
        if let Some(figure) = figures.get(name) {
            let _ = writeln!(text, "|     | {what:<55} |         | {figure:>7.2} | |");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_benchmark_row_has_a_verdict() {
        let mut figures = Figures::default();
        figures.gather("figure: S3.protobuf 0.8\nfigure: R9.server 1\nfigure: R15 120.4\n");
        let table = markdown(&figures, "a machine", false);
        let row = |what: &str| {
            let line = table.lines().find(|line| line.contains(what));
            line.unwrap_or_else(|| panic!("{what} in {table}"))
                .to_owned()
        };
        assert!(
            row("WAL bytes").ends_with(" ≤ 0.8 |    0.80 | met |"),
            "{table}"
        );
        assert!(
            row("kill -9 of the server").ends_with(" 0 |       1 | **missed** |"),
            "{table}"
        );
        assert!(
            row("queue full").ends_with(" ≤ 300 |     120 | met |"),
            "{table}"
        );
        assert!(
            row("kill -9 of Postgres").ends_with("not measured |"),
            "{table}"
        );
    }
}
