//! `throughline erase`: removes what is stored of some traces.

use anyhow::Result;
use throughline_model::RetentionRules;
use throughline_store::ErasureReport;
use throughline_wire::TenantId;

use crate::cli::EraseCommand;
use crate::maintain::with_store;

/// Blocks between two lines of progress.
const PROGRESS_BLOCKS: u64 = 800;

/// `throughline erase`: prints what was erased, or would be.
///
/// # Errors
/// In words for the person who started the program.
pub async fn erase(command: EraseCommand) -> Result<()> {
    let rules = RetentionRules::default();
    with_store(&command.database, rules, async |store| {
        let progress = |blocks: throughline_store::BlockProgress| {
            if blocks.done_blocks.is_multiple_of(PROGRESS_BLOCKS) {
                eprintln!("{} of {} blocks", blocks.done_blocks, blocks.total_blocks);
            }
        };
        let erased = store.erase_traces(
            TenantId::DEFAULT,
            &command.traces,
            command.dry_run,
            progress,
        );
        print!("{}", describe(&erased.await?, command.dry_run));
        Ok(())
    })
    .await
}

fn describe(report: &ErasureReport, is_dry_run: bool) -> String {
    let (traces, blocks) = (report.traces, report.blocks);
    if is_dry_run {
        return format!("would erase {traces} traces, with spans in {blocks} blocks\n");
    }
    let mut text = format!(
        "erased {traces} traces: {} spans in {blocks} blocks\n",
        report.spans
    );
    if report.damaged_blocks > 0 {
        text += &damaged(report.damaged_blocks);
    }
    if report.postponed_days > 0 {
        text += &postponed(report.postponed_days);
    }
    text
}

fn damaged(blocks: u64) -> String {
    format!(
        "{blocks} blocks are damaged and stay as they are, with what they hold of the traces; \
         the log has their ids\n"
    )
}

fn postponed(days: u64) -> String {
    format!("the large values of {days} days are in use and stay until retention frees them\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_tells_what_is_left() {
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
            ..report
        };
        let text = describe(&report, false);
        for part in ["4 blocks are damaged", "large values of 5 days"] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
    }
}
