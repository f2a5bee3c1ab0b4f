//! Where the page stands with its numbers, and what it had to drop.

use std::fmt::Write as _;

use throughline_wire::{DropReason, ProcessId};

/// Counters of what was dropped, by reason.
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

    /// Writes the field `,"dropped":{..}`, unless there is nothing to tell.
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

/// The page as a process that numbers its spans. After its goodbye it is another one, should it be
/// shown again.
#[derive(Debug)]
pub(super) struct SequenceState {
    /// None when the browser gave no random number: then there are no numbers either.
    process: Option<ProcessId>,
    /// How many processes it was before.
    pub(super) generation: u32,
    pub(super) next: u64,
    /// Of this process, from its beginning.
    pub(super) dropped: Dropped,
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

    /// Becomes another process.
    pub(super) fn begin_again(&mut self, process: Option<ProcessId>) {
        let generation = self.generation.wrapping_add(1);
        *self = Self {
            generation,
            ..Self::new(process)
        };
    }

    /// Writes the field `"sequence":{..},`, unless nothing is numbered.
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
