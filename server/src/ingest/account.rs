//! Accounts for every item of a request: sent = received + duplicate + rejected.

use std::collections::BTreeMap;

use throughline_formats::{Signal, Validated};
use throughline_store::SpanGroup;
use throughline_wire::{DropReason, Rejection};

use super::fault::Fault;

/// The items of a request, decoded and validated.
#[derive(Debug, Default)]
pub(super) struct Items {
    /// The items that can be stored.
    pub(super) groups: Vec<SpanGroup>,
    /// The spans of the groups, and those that were rejected.
    pub(super) spans: Checked,
    /// The same of spans that have begun and not ended.
    pub(super) starts: Checked,
    /// The same of log records and events.
    pub(super) events: Checked,
    /// The number of spans that the sender reports as dropped, by reason.
    pub(super) dropped: BTreeMap<DropReason, u64>,
}

impl Items {
    /// Returns the items of a request that `crates/formats` decoded. It holds one signal.
    pub(super) fn of(signal: Signal, validated: Validated) -> Self {
        let Validated {
            groups,
            rejected,
            indexes,
            event_indexes,
        } = validated;
        let (of_spans, of_events) = match signal {
            Signal::Traces => (rejected, Vec::new()),
            Signal::Logs => (Vec::new(), rejected),
        };
        Self {
            groups,
            spans: Checked::new(indexes, of_spans),
            events: Checked::new(event_indexes, of_events),
            ..Self::default()
        }
    }
}

/// Items of one kind after validation.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// The position in the request of each valid item, in the order of the groups.
    indexes: Vec<usize>,
    /// The items that are not valid.
    rejected: Vec<Rejection>,
}

impl Checked {
    pub(super) const fn new(indexes: Vec<usize>, rejected: Vec<Rejection>) -> Self {
        Self { indexes, rejected }
    }

    /// Adds what the writer did with the valid items.
    ///
    /// # Errors
    /// A fault if the writer does not account for each item: then nothing is acknowledged.
    pub(super) fn account(
        self,
        received: u64,
        duplicate: u64,
        refused: Vec<Rejection>,
    ) -> Result<ItemOutcome, Fault> {
        let submitted = self.indexes.len() as u64;
        let accounted = received + duplicate + refused.len() as u64;
        if accounted != submitted {
            tracing::error!(
                submitted,
                accounted,
                "the writer did not account for each item; the request is not acknowledged"
            );
            return Err(Fault::internal());
        }
        Ok(ItemOutcome {
            received,
            duplicate,
            rejected: self.with_refused(refused),
        })
    }

    /// Returns all that was rejected, with what the writer refused, by the indexes in the request.
    pub(super) fn with_refused(self, refused: Vec<Rejection>) -> Vec<Rejection> {
        let mut rejected = self.rejected;
        rejected.extend(refused.into_iter().map(|rejection| {
            let index = self.indexes.get(rejection.index);
            Rejection {
                index: index.copied().unwrap_or(rejection.index),
                ..rejection
            }
        }));
        rejected.sort_by_key(|rejection| rejection.index);
        rejected
    }
}

/// The outcome of the items of one kind.
#[derive(Debug, Default)]
pub(super) struct ItemOutcome {
    /// Newly stored.
    pub(super) received: u64,
    /// Stored before.
    pub(super) duplicate: u64,
    /// The items that are not stored, by their positions in the request.
    pub(super) rejected: Vec<Rejection>,
}

/// The outcome of a request that is committed.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The spans.
    pub(super) spans: ItemOutcome,
    /// Starts that were not kept.
    pub(super) rejected_starts: Vec<Rejection>,
    /// The log records and events.
    pub(super) events: ItemOutcome,
}

/// Counts the items of a request that is committed, for `/metrics`.
pub(super) fn count(receiver: &'static str, outcome: &Outcome) {
    for (name, items) in [
        ("throughline_ingest_spans_total", &outcome.spans),
        ("throughline_ingest_events_total", &outcome.events),
    ] {
        for (result, count) in [
            ("received", items.received),
            ("duplicate", items.duplicate),
            ("rejected", items.rejected.len() as u64),
        ] {
            metrics::counter!(name, "receiver" => receiver, "result" => result).increment(count);
        }
    }
}

/// Counts a request that was refused as a whole.
pub(super) fn count_fault(receiver: &'static str, fault: &Fault) {
    metrics::counter!(
        "throughline_ingest_faults_total",
        "receiver" => receiver,
        "status" => fault.status.as_u16().to_string()
    )
    .increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejection(index: usize) -> Rejection {
        Rejection {
            index,
            reason: format!("{index}"),
        }
    }

    fn checked() -> Checked {
        // Of the items 0 to 4, validation rejected 1 and 3.
        Checked::new(vec![0, 2, 4], vec![rejection(1), rejection(3)])
    }

    #[test]
    fn items_that_the_writer_rejects_get_their_index_in_the_request() {
        let outcome = checked().account(1, 1, vec![rejection(2)]);
        let rejected = outcome.expect("accounted").rejected;
        let indexes: Vec<_> = rejected.iter().map(|rejection| rejection.index).collect();
        assert_eq!(indexes, [1, 3, 4]);
    }

    #[test]
    fn a_request_is_not_acknowledged_if_the_writer_does_not_account_for_an_item() {
        for (received, duplicate, refused) in [(2, 0, 0), (3, 1, 0), (0, 0, 2)] {
            let refused = (0..refused).map(rejection).collect();
            let fault = checked().account(received, duplicate, refused);
            assert_eq!(fault.expect_err("lost").status, 500);
        }
    }
}
