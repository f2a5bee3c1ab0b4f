//! Announced traces that wait for their look-up: without duplicates and with a limit.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::notice::Notice;

/// The most waiting traces of a tenant; further ones are counted as missed.
const WAITING: usize = 5_000;
/// The most traces of a tenant in one look-up.
const BATCH_TRACES: usize = 2_500;

/// The waiting traces, by tenant.
#[derive(Debug, Default)]
pub(super) struct Pending {
    of: Mutex<HashMap<[u8; 16], WaitingTraces>>,
    more: Notify,
}

#[derive(Debug, Default)]
struct WaitingTraces {
    order: VecDeque<Uuid>,
    known: HashSet<Uuid>,
    missed: u64,
}

/// The next traces to send to the subscribers of a tenant.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FanOutBatch {
    pub tenant: [u8; 16],
    pub traces: Vec<Uuid>,
    /// The number of traces that are left out.
    pub missed: u64,
}

impl Pending {
    /// Adds the traces of a notification.
    pub(super) fn add(&self, notice: Notice) {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = of.entry(notice.tenant).or_default();
        waiting.missed = waiting.missed.saturating_add(notice.unnamed);
        for trace in notice.traces {
            if waiting.order.len() >= WAITING && !waiting.known.contains(&trace) {
                waiting.missed += 1;
            } else if waiting.known.insert(trace) {
                waiting.order.push_back(trace);
            }
        }
        drop(of);
        self.more.notify_one();
    }

    /// Waits until there is a waiting trace.
    pub(super) async fn wait(&self) {
        while self.is_empty() {
            self.more.notified().await;
        }
    }

    /// Takes the next batch of each tenant; traces beyond the size of a batch keep waiting.
    pub(super) fn take(&self) -> Vec<FanOutBatch> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batches = Vec::with_capacity(of.len());
        of.retain(|tenant, waiting| {
            let traces: Vec<_> = waiting
                .order
                .drain(..waiting.order.len().min(BATCH_TRACES))
                .collect();
            for trace in &traces {
                waiting.known.remove(trace);
            }
            batches.push(FanOutBatch {
                tenant: *tenant,
                traces,
                missed: std::mem::take(&mut waiting.missed),
            });
            !waiting.order.is_empty()
        });
        batches
    }

    fn is_empty(&self) -> bool {
        let of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        of.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(ids: std::ops::Range<u128>) -> Notice {
        Notice {
            tenant: [1; 16],
            traces: ids.map(Uuid::from_u128).collect(),
            unnamed: 0,
        }
    }

    #[test]
    fn a_trace_in_two_notices_is_read_once() {
        let pending = Pending::default();
        pending.add(notice(1..3));
        pending.add(notice(2..4));
        let batches = pending.take();
        assert_eq!(batches.len(), 1);
        assert_eq!(batches[0].traces, notice(1..4).traces);
        assert_eq!(batches[0].missed, 0);
        assert!(pending.is_empty());
        // After a trace was taken, a new announcement adds it again.
        pending.add(notice(1..2));
        assert_eq!(pending.take()[0].traces.len(), 1);
    }

    #[test]
    fn many_notices_are_split_in_order_and_those_beyond_the_bound_are_counted() {
        let pending = Pending::default();
        pending.add(notice(0..6_000));
        let batches: Vec<FanOutBatch> = (0..2).flat_map(|_| pending.take()).collect();
        assert_eq!(batches[0].missed + batches[1].missed, 1_000);
        let traces: Vec<_> = batches.into_iter().flat_map(|batch| batch.traces).collect();
        assert_eq!(traces, notice(0..5_000).traces);
        assert!(pending.is_empty());
    }
}
