//! Decides what is removed early, so that the database stays within its size budget.

use throughline_model::{RollupWindow, StorageGauge, StorageLevel};

/// A step that makes the database smaller, or makes space in its files that new rows can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PruneStep {
    /// `VACUUM` of the tables with removed rows. Nothing is lost.
    Vacuum,
    /// The removal of the windows of a length that are older than the raw data.
    Rollups(RollupWindow),
    /// The removal of the oldest past day.
    OldestDay,
}

impl PruneStep {
    /// All steps in the order in which they are taken. The windows of a day go last: nothing else
    /// tells anything about their time.
    const ALL: [Self; 5] = [
        Self::Vacuum,
        Self::Rollups(RollupWindow::QuarterHour),
        Self::Rollups(RollupWindow::Hour),
        Self::OldestDay,
        Self::Rollups(RollupWindow::Day),
    ];
}

/// The share of the budget, as a divisor, from which removed rows are worth a `VACUUM`.
const WORTH_A_VACUUM: u64 = 100;

/// The estimated bytes that each step can free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_field_names, reason = "the unit")]
pub(crate) struct Prunable {
    /// The bytes of removed rows before a `VACUUM`.
    pub dead_bytes: u64,
    /// The bytes of the windows of each length of [`RollupWindow::ALL`] that are older than the raw
    /// data.
    pub rollup_bytes: [u64; 3],
    /// The bytes of all past days, without pinned traces.
    pub day_bytes: u64,
}

impl Prunable {
    /// Returns the bytes that a step can free. Of days, those of all past days.
    pub(super) const fn bytes(&self, step: PruneStep) -> u64 {
        let [quarters, hours, days] = self.rollup_bytes;
        match step {
            PruneStep::Vacuum => self.dead_bytes,
            PruneStep::Rollups(RollupWindow::QuarterHour) => quarters,
            PruneStep::Rollups(RollupWindow::Hour) => hours,
            PruneStep::Rollups(RollupWindow::Day) => days,
            PruneStep::OldestDay => self.day_bytes,
        }
    }

    /// Returns the bytes that all steps together can free.
    pub(crate) fn total(&self) -> u64 {
        let bytes = PruneStep::ALL.map(|step| self.bytes(step));
        bytes.into_iter().fold(0, u64::saturating_add)
    }
}

/// Returns the next step, or `None` if the budget needs none or no step helps. Nothing is removed
/// unless all steps together bring the database below the limit. Leaves out `useless` steps.
pub(super) fn next_step(
    gauge: &StorageGauge,
    prunable: &Prunable,
    useless: &[PruneStep],
) -> Option<PruneStep> {
    if gauge.budget_level() < StorageLevel::Pruning {
        return None;
    }
    let bytes = |step: &PruneStep| {
        if useless.contains(step) {
            0
        } else {
            prunable.bytes(*step)
        }
    };
    let worth_a_vacuum = gauge.budget_bytes.unwrap_or(0) / WORTH_A_VACUUM;
    if bytes(&PruneStep::Vacuum) > worth_a_vacuum {
        return Some(PruneStep::Vacuum);
    }
    let removals = &PruneStep::ALL[1..];
    let total = removals.iter().map(bytes).fold(0, u64::saturating_add);
    let first = removals.iter().find(|step| bytes(step) > 0);
    first.copied().filter(|_| gauge.is_helped_by(total))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BUDGET: u64 = 10_000;

    fn gauge(used_bytes: u64) -> StorageGauge {
        StorageGauge {
            used_bytes,
            budget_bytes: Some(BUDGET),
            ..StorageGauge::default()
        }
    }

    fn prunable() -> impl Strategy<Value = Prunable> {
        let part = || prop_oneof![Just(0), 0..500_u64, 0..20_000_u64];
        (part(), [part(), part(), part()], part()).prop_map(
            |(dead_bytes, rollup_bytes, day_bytes)| Prunable {
                dead_bytes,
                rollup_bytes,
                day_bytes,
            },
        )
    }

    /// Takes bytes off a step.
    fn take(prunable: &mut Prunable, step: PruneStep, bytes: u64) {
        let [quarters, hours, days] = &mut prunable.rollup_bytes;
        let part = match step {
            PruneStep::Vacuum => &mut prunable.dead_bytes,
            PruneStep::Rollups(RollupWindow::QuarterHour) => quarters,
            PruneStep::Rollups(RollupWindow::Hour) => hours,
            PruneStep::Rollups(RollupWindow::Day) => days,
            PruneStep::OldestDay => &mut prunable.day_bytes,
        };
        *part -= bytes;
    }

    proptest! {
        #[test]
        fn nothing_is_removed_unless_it_helps(
            used in 0..30_000_u64, prunable in prunable(),
        ) {
            let gauge = gauge(used);
            let removable = prunable.total() - prunable.dead_bytes;
            match next_step(&gauge, &prunable, &[]) {
                None => {
                    let is_needed = gauge.budget_level() >= StorageLevel::Pruning;
                    prop_assert!(!is_needed || !gauge.is_helped_by(removable));
                }
                Some(PruneStep::Vacuum) => prop_assert!(prunable.dead_bytes > BUDGET / 100),
                Some(step) => {
                    prop_assert!(gauge.is_helped_by(removable));
                    prop_assert!(prunable.bytes(step) > 0);
                    // Everything that goes before it is gone or not worth it.
                    let before = PruneStep::ALL.iter().take_while(|before| **before != step);
                    for before in before.filter(|before| **before != PruneStep::Vacuum) {
                        prop_assert_eq!(prunable.bytes(*before), 0);
                    }
                }
            }
        }

        /// The steps end if each of them frees something, or is useless from then on.
        #[test]
        fn steps_end_and_reach_the_limit_if_they_free_what_they_promise(
            used in 0..30_000_u64,
            mut prunable in prunable(),
            is_honest: bool,
            shares in proptest::collection::vec(0..100_u64, 40),
        ) {
            let mut gauge = gauge(used);
            let before = (gauge, prunable);
            let mut useless = Vec::new();
            let mut steps = 0;
            while let Some(step) = next_step(&gauge, &prunable, &useless) {
                prop_assert!(!useless.contains(&step));
                let promised = prunable.bytes(step);
                let share = if is_honest { 100 } else { shares[steps % shares.len()] };
                let freed = promised.min(gauge.used_bytes) * share / 100;
                take(&mut prunable, step, promised);
                gauge.used_bytes -= freed;
                if freed == 0 {
                    useless.push(step);
                }
                steps += 1;
                prop_assert!(steps <= PruneStep::ALL.len());
            }
            let (start, all) = before;
            let removable = all.total() - all.dead_bytes;
            if is_honest && start.is_helped_by(removable) {
                prop_assert!(gauge.budget_level() < StorageLevel::Pruning
                    || start.budget_level() == StorageLevel::Full);
                prop_assert!(gauge.budget_level() < StorageLevel::Full);
            }
        }
    }

    #[test]
    fn a_disk_that_other_programs_fill_removes_nothing() {
        let gauge = StorageGauge {
            free_bytes: Some(0),
            reserve_bytes: 1_000,
            ..gauge(100)
        };
        let prunable = Prunable {
            dead_bytes: 1_000,
            day_bytes: 10_000,
            ..Prunable::default()
        };
        assert_eq!(gauge.level(), StorageLevel::Full);
        assert_eq!(next_step(&gauge, &prunable, &[]), None);
    }

    #[test]
    fn space_that_only_today_takes_costs_no_past_day() {
        let prunable = Prunable {
            day_bytes: 500,
            ..Prunable::default()
        };
        assert_eq!(next_step(&gauge(9_500), &prunable, &[]), None);
        assert!(gauge(9_500).is_stuck(prunable.total()));
        let enough = Some(PruneStep::OldestDay);
        assert_eq!(next_step(&gauge(9_400), &prunable, &[]), enough);
        let useless = [PruneStep::OldestDay];
        assert_eq!(next_step(&gauge(9_400), &prunable, &useless), None);
    }
}
