//! The command `throughline erase`: removes the stored data of some traces.

use anyhow::Result;
use throughline_model::RetentionRules;
use throughline_store::ErasureReport;
use throughline_wire::TenantId;

use crate::cli::EraseCommand;
use crate::maintain::{disk_gauge, with_store};

/// The approximate number of blocks between two progress lines.
const PROGRESS_BLOCKS: u64 = 1_000;

/// Runs `throughline erase`: prints what was erased, or what would be erased.
///
/// # Errors
/// An error for the person who started the program.
pub async fn erase(command: EraseCommand) -> Result<()> {
    let rules = RetentionRules::default();
    let gauge = disk_gauge(&command.database, command.disk_reserve.bytes());
    with_store(&command.database, rules, async |store| {
        let mut reported_blocks = 0;
        let progress = |blocks: throughline_store::BlockProgress| {
            if blocks.done_blocks - reported_blocks >= PROGRESS_BLOCKS {
                reported_blocks = blocks.done_blocks;
                eprintln!("{} of {} blocks", blocks.done_blocks, blocks.total_blocks);
            }
        };
        let erased = store.erase_traces(
            TenantId::DEFAULT,
            &command.traces,
            command.dry_run,
            &gauge,
            progress,
        );
        print!("{}", describe(&erased.await?, command.dry_run));
        Ok(())
    })
    .await
}

fn describe(report: &ErasureReport, is_dry_run: bool) -> String {
    let ErasureReport {
        traces,
        blocks,
        spans,
        damaged_blocks,
        postponed_days,
        damaged_days,
        oversized_days,
    } = *report;
    let mut text = if is_dry_run {
        format!("would erase {traces} traces, with spans in {blocks} blocks\n")
    } else {
        format!("erased {traces} traces: {spans} spans in {blocks} blocks\n")
    };
    if damaged_blocks > 0 {
        text += &damaged(damaged_blocks);
    }
    for (days, reason) in [
        (postponed_days, "their tables are in use"),
        (
            damaged_days,
            "a damaged table may refer to them; see the log",
        ),
        (
            oversized_days,
            "the check which are in use has too many references",
        ),
    ] {
        if days > 0 {
            text += &staying(days, reason);
        }
    }
    text
}

fn damaged(blocks: u64) -> String {
    format!(
        "{blocks} damaged blocks were not rewritten and may still contain spans of the traces; see \
         the log for their ids\n"
    )
}

fn staying(days: u64, reason: &str) -> String {
    format!(
        "the offloaded payloads of {days} days stay until another erasure or retention removes \
         them: {reason}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_erasure_report_names_the_remaining_data() {
        let report = ErasureReport {
            traces: 1,
            blocks: 2,
            spans: 3,
            ..ErasureReport::default()
        };
        assert_eq!(
            describe(&report, false),
            "erased 1 traces: 3 spans in 2 blocks\n"
        );
        assert_eq!(
            describe(&report, true),
            "would erase 1 traces, with spans in 2 blocks\n"
        );
        let report = ErasureReport {
            damaged_blocks: 4,
            postponed_days: 5,
            damaged_days: 6,
            oversized_days: 7,
            ..report
        };
        let text = describe(&report, false);
        let stay = |days: u64, why: &str| {
            format!(
                "the offloaded payloads of {days} days stay until another erasure or retention \
                 removes them: {why}"
            )
        };
        for part in [
            "4 damaged blocks were not rewritten".to_owned(),
            stay(5, "their tables are in use"),
            stay(6, "a damaged table may refer to them"),
            stay(7, "the check which are in use has too many references"),
        ] {
            assert!(text.contains(&part), "{part} is missing in {text}");
        }
    }
}
