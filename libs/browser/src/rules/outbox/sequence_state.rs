//! The sequence state of the page and its drop counters.

use std::fmt::Write as _;

use throughline_wire::{DropReason, ProcessId};

/// The number of dropped spans by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Dropped(pub(super) Vec<(DropReason, u64)>);

impl Dropped {
    pub(super) fn add(&mut self, reason: DropReason, count: u64) {
        if count == 0 {
            return;
        }
        match self.0.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, total)) => *total = total.saturating_add(count),
            None => self.0.push((reason, count)),
        }
    }

    /// Writes the field `,"dropped":{..}`, unless all counters are zero.
    pub(super) fn write(&self, body: &mut String) {
        for (at, (reason, count)) in self.0.iter().enumerate() {
            body.push_str(if at == 0 { r#","dropped":{"# } else { "," });
            // Writing to a string cannot fail.
            let _ = write!(body, r#""{}":{count}"#, reason.as_str());
        }
        if !self.0.is_empty() {
            body.push('}');
        }
    }
}

/// The page as a process that numbers its spans. After its final report, a page that is shown again
/// becomes a new process.
#[derive(Debug)]
pub(super) struct SequenceState {
    /// The process id. `None` if the browser gave no random bytes. Then spans have no numbers.
    process: Option<ProcessId>,
    /// The number of earlier processes of this page.
    pub(super) generation: u32,
    /// The number of the next span.
    pub(super) next: u64,
    /// All drops of this process.
    pub(super) dropped: Dropped,
    /// True once the final report was sent.
    pub(super) has_ended: bool,
}

impl SequenceState {
    pub(super) const fn new(process: Option<ProcessId>) -> Self {
        Self {
            process,
            generation: 0,
            next: 0,
            dropped: Dropped(Vec::new()),
            has_ended: false,
        }
    }

    /// Begins a new process.
    pub(super) fn begin_again(&mut self, process: Option<ProcessId>) {
        let generation = self.generation.wrapping_add(1);
        *self = Self {
            generation,
            ..Self::new(process)
        };
    }

    /// Writes the field `"sequence":{..},`, unless spans have no numbers.
    pub(super) fn write(&self, settled: u64, body: &mut String) {
        let Some(process) = self.process else { return };
        let next = self.next;
        // Writing to a string cannot fail.
        let _ = write!(
            body,
            r#""sequence":{{"process":"{process}","next":{next},"settled":{settled}"#
        );
        self.dropped.write(body);
        body.push_str(if self.has_ended {
            r#","ended":true},"#
        } else {
            "},"
        });
    }
}
