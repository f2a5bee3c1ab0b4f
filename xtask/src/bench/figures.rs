//! Collects the figures that benchmarks print as lines of `figure: <name> <number>`.

use std::collections::BTreeMap;

/// The figures by name.
#[derive(Debug, Default)]
pub(crate) struct Figures(BTreeMap<String, f64>);

impl Figures {
    /// Adds the figures in the output of a benchmark.
    pub(crate) fn gather(&mut self, text: &str) {
        let figures = text.lines().filter_map(|line| {
            let (name, number) = line.trim().strip_prefix("figure: ")?.split_once(' ')?;
            Some((name.to_owned(), number.trim().parse().ok()?))
        });
        self.0.extend(figures);
    }

    /// Returns the figure of this name.
    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_figures_are_taken() {
        let mut figures = Figures::default();
        figures.gather("lost: none\nfigure: R1.native 0.5\n  figure: R6 1.25\nfigure: R9 many\n");
        assert_eq!(figures.get("R1.native"), Some(0.5));
        assert_eq!(figures.get("R6"), Some(1.25));
        assert_eq!(figures.get("R9"), None);
    }
}
