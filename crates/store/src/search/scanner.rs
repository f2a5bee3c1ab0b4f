//! Scans batches of blocks. It reads the blocks and evaluates the plan over them on a blocking
//! thread. The thread stops when the request is cancelled.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::{FromRow, PgConnection};
use throughline_codec::binary;
use throughline_model::ReadError;
use throughline_wire::AttributeValue;
use uuid::Uuid;

use super::blocks::{BlockInfo, BlockKey};
use super::evaluate::{BlockHits, Evaluation, Hit};
use super::inputs::{Inputs, Outcomes, Unread};
use super::load::{self, LoadedBlock, Needs};
use super::permits::ScanPermits;
use super::plan::{ScanPlan, attribute_tests};
use crate::block::Corrupt;
use crate::block::table::report_corrupt;
use crate::day::day_ns;
use crate::decompress::decompress;
use crate::sqlstate::read_error;

/// The number of payloads that are read together.
const PAYLOADS: usize = 16;
/// The maximum size of a payload, in bytes.
const MAX_PAYLOAD_BYTES: usize = 64 << 20;

/// Scans blocks for one request.
pub(super) struct Scanner {
    tenant: Uuid,
    batch_spans: u64,
    permits: Arc<ScanPermits>,
    plan: Arc<ScanPlan>,
    needs: Needs,
    outcomes: Arc<Outcomes>,
    /// The attribute names that were found.
    names: Vec<String>,
    cancelled: CancelOnDrop,
}

/// Cancels the evaluation when the request future is dropped.
#[derive(Debug, Default)]
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Scanner {
    /// Creates a scanner. It reads blocks with about `batch_spans` spans together.
    pub(super) fn new(
        tenant: Uuid,
        plan: Arc<ScanPlan>,
        batch_spans: u64,
        permits: Arc<ScanPermits>,
    ) -> Self {
        Self {
            tenant,
            batch_spans,
            permits,
            needs: Needs::of(&plan),
            plan,
            outcomes: Arc::default(),
            names: Vec::new(),
            cancelled: CancelOnDrop::default(),
        }
    }

    /// Returns the number of blocks at the front of `blocks` to read together. It is at least one.
    pub(super) fn batch_len(&self, blocks: &[Arc<BlockInfo>]) -> usize {
        let mut cost = 0;
        let fitting = blocks.iter().take_while(|block| {
            cost += block.cost();
            cost <= self.batch_spans
        });
        fitting.count().max(1).min(blocks.len())
    }

    /// Returns the matching traces of each block. Runs two statements, and one more for each group
    /// of payloads that must be read. A damaged block is reported and has no matches.
    pub(super) async fn scan(
        &mut self,
        connection: &mut PgConnection,
        blocks: &[Arc<BlockInfo>],
    ) -> Result<Vec<(BlockKey, Vec<Hit>)>, ReadError> {
        let permits = Arc::clone(&self.permits);
        let _permit = permits.acquire().await;
        let loaded =
            load::skeletons(connection, self.tenant, blocks, self.needs, damaged_block).await?;
        let (loaded, frames) = self.evaluate(loaded, wanted_frames).await?;
        let mut wanted = Vec::new();
        for (block, frames) in loaded.iter().zip(&frames) {
            wanted.extend(frames.iter().map(|frame| (block, *frame)));
        }
        let stored = load::frames(connection, self.tenant, &wanted).await?;
        let mut stored = stored.into_iter();
        let frames = frames.into_iter().map(|frames| {
            let bytes = stored.by_ref().take(frames.len());
            frames
                .iter()
                .copied()
                .zip(bytes.collect::<Vec<_>>())
                .collect()
        });
        let frames: Vec<Vec<(usize, Vec<u8>)>> = frames.collect();
        let (mut loaded, mut found) = self.evaluate_loading(loaded, frames).await?;
        // A test of a payload is undecided until the payload is read. So the loop reads the missing
        // payloads and evaluates the blocks again.
        loop {
            let unread: Unread = found
                .iter()
                .flat_map(|hits| hits.unread.iter().copied())
                .collect();
            if unread.is_empty() {
                break;
            }
            self.read_payloads(connection, &loaded, unread).await?;
            (loaded, found) = self.evaluate_loading(loaded, Vec::new()).await?;
        }
        for name in found.iter_mut().flat_map(|hits| hits.names.drain()) {
            self.names.extend(String::from_utf8(name).ok());
        }
        let ids = loaded.iter().map(|block| block.info.key.id);
        let mut hits: HashMap<i64, Vec<Hit>> =
            ids.zip(found.into_iter().map(|hits| hits.hits)).collect();
        // A damaged block counts as scanned without matches.
        let all = blocks
            .iter()
            .map(|block| (block.key, hits.remove(&block.key.id).unwrap_or_default()));
        Ok(all.collect())
    }

    /// Returns the attribute names found since the last call.
    pub(super) fn take_names(&mut self) -> Vec<String> {
        std::mem::take(&mut self.names)
    }

    async fn evaluate_loading(
        &self,
        loaded: Vec<LoadedBlock>,
        frames: Vec<Vec<(usize, Vec<u8>)>>,
    ) -> Result<(Vec<LoadedBlock>, Vec<BlockHits>), ReadError> {
        let mut frames = frames.into_iter();
        self.evaluate(loaded, move |inputs, block| {
            for (frame, bytes) in frames.next().unwrap_or_default() {
                block.columns.load(frame, &bytes)?;
            }
            Evaluation::new(inputs, block).hits()
        })
        .await
    }

    /// Runs a function for each block on a blocking thread. Leaves out damaged blocks.
    async fn evaluate<T: Send + 'static>(
        &self,
        loaded: Vec<LoadedBlock>,
        mut work: impl FnMut(Inputs<'_>, &mut LoadedBlock) -> Result<T, Corrupt> + Send + 'static,
    ) -> Result<(Vec<LoadedBlock>, Vec<T>), ReadError> {
        let plan = Arc::clone(&self.plan);
        let outcomes = Arc::clone(&self.outcomes);
        let cancelled = Arc::clone(&self.cancelled.0);
        on_blocking_thread(move || {
            let work = |block: &mut LoadedBlock| {
                let inputs = Inputs {
                    plan: &plan,
                    outcomes: &outcomes,
                    cancelled: &cancelled,
                };
                work(inputs, block)
            };
            each_block(loaded, &cancelled, work, |block, corrupt| {
                damaged_block(&block.info, corrupt);
            })
        })
        .await
    }

    /// Reads payloads in small groups and stores the results of the tests that need them.
    async fn read_payloads(
        &mut self,
        connection: &mut PgConnection,
        loaded: &[LoadedBlock],
        unread: Unread,
    ) -> Result<(), ReadError> {
        #[derive(FromRow)]
        struct PayloadText {
            hash: Uuid,
            byte_count: i64,
            content: Vec<u8>,
        }
        let starts = loaded.iter().map(|block| &block.info.prune);
        let first_ns = starts
            .clone()
            .map(|prune| prune.first_start_ns)
            .min()
            .unwrap_or_default();
        let last_ns = starts
            .map(|prune| prune.last_start_ns)
            .max()
            .unwrap_or_default();
        let hashes: HashSet<[u8; 16]> = unread.iter().map(|(_, hash)| *hash).collect();
        let hashes: Vec<Uuid> = hashes.into_iter().map(Uuid::from_bytes).collect();
        let mut outcomes: Outcomes = (*self.outcomes).clone();
        // A removed payload passes no test.
        outcomes.extend(unread.iter().map(|key| (*key, false)));
        for hashes in hashes.chunks(PAYLOADS) {
            let rows: Vec<PayloadText> = sqlx::query_as(include_str!("payloads.sql"))
                .bind(self.tenant)
                .bind(hashes)
                .bind(day_ns(first_ns))
                .bind(day_ns(last_ns))
                .fetch_all(&mut *connection)
                .await
                .map_err(read_error)?;
            let plan = Arc::clone(&self.plan);
            let cancelled = Arc::clone(&self.cancelled.0);
            outcomes = on_blocking_thread(move || {
                for row in rows {
                    if cancelled.load(Ordering::Relaxed) {
                        break;
                    }
                    let Some(value) = value_of(&row.content, row.byte_count) else {
                        continue;
                    };
                    let mut buffer = String::new();
                    for test in attribute_tests(&plan.leaves) {
                        let key = (test.number, row.hash.into_bytes());
                        if let Some(passes) = outcomes.get_mut(&key) {
                            *passes = test.test.value(&value, &mut buffer);
                        }
                    }
                }
                outcomes
            })
            .await?;
        }
        self.outcomes = Arc::new(outcomes);
        Ok(())
    }
}

fn damaged_block(info: &BlockInfo, corrupt: Corrupt) {
    report_corrupt(info.key.id, &info.prune, corrupt);
}

fn wanted_frames(inputs: Inputs<'_>, block: &mut LoadedBlock) -> Result<Vec<usize>, Corrupt> {
    Evaluation::new(inputs, block).wanted_frames()
}

/// Runs a function for each block until the search is cancelled. Reports a damaged block to
/// `damaged` and leaves it out.
fn each_block<B, T>(
    blocks: Vec<B>,
    cancelled: &AtomicBool,
    mut work: impl FnMut(&mut B) -> Result<T, Corrupt>,
    damaged: impl Fn(&B, Corrupt),
) -> (Vec<B>, Vec<T>) {
    let mut whole = Vec::with_capacity(blocks.len());
    let mut results = Vec::with_capacity(blocks.len());
    for mut block in blocks {
        if cancelled.load(Ordering::Relaxed) {
            break;
        }
        match work(&mut block) {
            Ok(result) => {
                whole.push(block);
                results.push(result);
            }
            Err(corrupt) => damaged(&block, corrupt),
        }
    }
    (whole, results)
}

async fn on_blocking_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ReadError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "a search failed on its blocking thread");
        ReadError::Internal
    })
}

/// Returns the value of a payload. Returns `None` if it cannot be read.
fn value_of(content: &[u8], byte_count: i64) -> Option<AttributeValue> {
    let byte_count = usize::try_from(byte_count)
        .ok()
        .filter(|count| *count <= MAX_PAYLOAD_BYTES)?;
    let encoded = decompress(content, byte_count).ok()?;
    let reader = binary::Reader::new(&encoded);
    binary::decode_value(reader).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_block_is_scanned_after_a_search_is_cancelled() {
        let cancelled = AtomicBool::new(false);
        let mut seen = Vec::new();
        let work = |block: &mut u32| {
            seen.push(*block);
            cancelled.store(*block == 2, Ordering::Relaxed);
            Ok(*block * 10)
        };
        let (blocks, results) = each_block(vec![0, 1, 2, 3, 4], &cancelled, work, |_, _| {});
        assert_eq!((blocks, results), (vec![0, 1, 2], vec![0, 10, 20]));
        assert_eq!(seen, [0, 1, 2]);
    }

    #[test]
    fn dropping_a_scanner_cancels_its_scans() {
        let cancel = CancelOnDrop::default();
        let cancelled = Arc::clone(&cancel.0);
        assert!(!cancelled.load(Ordering::Relaxed));
        drop(cancel);
        assert!(cancelled.load(Ordering::Relaxed));
    }

    #[test]
    fn a_scanner_reports_and_skips_a_damaged_block() {
        let damaged = std::cell::RefCell::new(Vec::new());
        let work = |block: &mut u32| {
            if *block == 1 {
                Err(Corrupt("columns"))
            } else {
                Ok(*block)
            }
        };
        let (_, results) = each_block(vec![0, 1, 2], &AtomicBool::new(false), work, |block, _| {
            damaged.borrow_mut().push(*block);
        });
        assert_eq!((results, damaged.into_inner()), (vec![0, 2], vec![1]));
    }
}
