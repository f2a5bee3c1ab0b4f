//! Process reports of a commit: merged in memory, then written in one upsert.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sqlx::PgConnection;
use throughline_wire::{BatchSequence, DropReason};
use uuid::Uuid;

/// The report of one batch about its process.
#[derive(Debug, Clone)]
pub(super) struct ProcessReport {
    pub process_id: i64,
    pub resource_id: i64,
    pub received_ns: i64,
    next: i64,
    settled: i64,
    ended: bool,
    dropped: BTreeMap<DropReason, u64>,
    /// The sequence numbers of its rejected spans.
    rejected: Vec<i64>,
}

impl ProcessReport {
    /// Returns its approximate memory size in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.rejected.capacity() * size_of::<i64>()
            + self.dropped.len() * size_of::<(DropReason, u64)>()
    }

    /// Creates a report from `sequence`, with the numbers `rejected` of rejected spans.
    pub(super) fn new(
        sequence: &BatchSequence,
        rejected: &[u64],
        resource_id: i64,
        received_ns: i64,
    ) -> Self {
        let next = number(sequence.next).unwrap_or(MAX_NUMBER);
        Self {
            process_id: sequence.process.to_i64(),
            resource_id,
            received_ns,
            next,
            settled: number(sequence.settled).unwrap_or(MAX_NUMBER).min(next),
            ended: sequence.ended,
            dropped: sequence.dropped.clone(),
            rejected: rejected.iter().copied().filter_map(number).collect(),
        }
    }

    /// Adds the number of a rejected span.
    pub(super) fn reject(&mut self, sequence: u64) {
        self.rejected.extend(number(sequence));
    }
}

/// The least ignored sequence number: no process gets there, and a range needs an end.
const MAX_NUMBER: i64 = 1 << 53;

/// Returns the number in the form that the database stores; `None` when it is ignored.
pub(super) fn number(sequence: u64) -> Option<i64> {
    i64::try_from(sequence)
        .ok()
        .filter(|number| *number < MAX_NUMBER)
}

#[derive(Debug)]
struct Process {
    resource_id: i64,
    seen_ns: i64,
    next: i64,
    settled: i64,
    ended_ns: Option<i64>,
    dropped: BTreeMap<DropReason, u64>,
    received: Vec<i64>,
    rejected: Vec<i64>,
}

/// The processes of one commit, sorted by key.
#[derive(Debug, Default)]
pub(super) struct Processes(BTreeMap<([u8; 16], i64), Process>);

impl Processes {
    /// Adds the report of a batch.
    pub(super) fn add(&mut self, tenant: [u8; 16], report: &ProcessReport) {
        let ended_ns = report.ended.then_some(report.received_ns);
        let process = self
            .0
            .entry((tenant, report.process_id))
            .or_insert_with(|| Process {
                resource_id: report.resource_id,
                seen_ns: report.received_ns,
                next: report.next,
                settled: report.settled,
                ended_ns,
                dropped: BTreeMap::new(),
                received: Vec::new(),
                rejected: Vec::new(),
            });
        process.seen_ns = process.seen_ns.max(report.received_ns);
        process.next = process.next.max(report.next);
        process.settled = process.settled.max(report.settled);
        process.ended_ns = process.ended_ns.or(ended_ns);
        for (&reason, &count) in &report.dropped {
            let known = process.dropped.entry(reason).or_default();
            *known = count.max(*known);
        }
        process.rejected.extend(&report.rejected);
    }

    /// Adds the number of a stored span; its process must have been added before.
    pub(super) fn receive(&mut self, tenant: [u8; 16], process_id: i64, sequence: i64) {
        if let Some(process) = self.0.get_mut(&(tenant, process_id)) {
            process.received.push(sequence);
        }
    }

    /// Adds the number of a rejected span; its process must have been added before.
    pub(super) fn reject(&mut self, tenant: [u8; 16], process_id: i64, sequence: i64) {
        if let Some(process) = self.0.get_mut(&(tenant, process_id)) {
            process.rejected.push(sequence);
        }
    }

    /// Merges the reports into the stored rows, in the transaction of `connection`.
    pub(super) async fn merge(self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut columns = ProcessColumns::default();
        let mut drops = DropColumns::default();
        for ((tenant, id), process) in self.0 {
            drops.push(tenant, id, &process);
            columns.push(tenant, id, process);
        }
        columns.merge(connection).await?;
        drops.merge(connection).await
    }
}

#[derive(Default)]
struct ProcessColumns {
    tenant_id: Vec<Uuid>,
    id: Vec<i64>,
    resource_id: Vec<i64>,
    seen_ns: Vec<i64>,
    next: Vec<i64>,
    settled: Vec<i64>,
    ended_ns: Vec<Option<i64>>,
    /// Literals of multiranges.
    received: Vec<String>,
    rejected: Vec<String>,
}

impl ProcessColumns {
    fn push(&mut self, tenant: [u8; 16], id: i64, process: Process) {
        self.tenant_id.push(Uuid::from_bytes(tenant));
        self.id.push(id);
        self.resource_id.push(process.resource_id);
        self.seen_ns.push(process.seen_ns);
        self.next.push(process.next);
        self.settled.push(process.settled);
        self.ended_ns.push(process.ended_ns);
        self.received.push(ranges(process.received));
        self.rejected.push(ranges(process.rejected));
    }

    async fn merge(self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query(include_str!("merge_processes.sql"))
            .bind(self.tenant_id)
            .bind(self.id)
            .bind(self.resource_id)
            .bind(self.seen_ns)
            .bind(self.next)
            .bind(self.settled)
            .bind(self.ended_ns)
            .bind(self.received)
            .bind(self.rejected)
            .execute(connection)
            .await?;
        Ok(())
    }
}

#[derive(Default)]
struct DropColumns {
    tenant_id: Vec<Uuid>,
    process_id: Vec<i64>,
    reason: Vec<&'static str>,
    span_count: Vec<i64>,
    resource_id: Vec<i64>,
    received_ns: Vec<i64>,
}

impl DropColumns {
    fn push(&mut self, tenant: [u8; 16], id: i64, process: &Process) {
        for (reason, &count) in &process.dropped {
            self.resource_id.push(process.resource_id);
            self.received_ns.push(process.seen_ns);
            self.tenant_id.push(Uuid::from_bytes(tenant));
            self.process_id.push(id);
            self.reason.push(reason.as_str());
            self.span_count.push(number(count).unwrap_or(MAX_NUMBER));
        }
    }

    async fn merge(self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        if self.process_id.is_empty() {
            return Ok(());
        }
        sqlx::query(include_str!("merge_process_drops.sql"))
            .bind(self.tenant_id)
            .bind(self.process_id)
            .bind(self.reason)
            .bind(self.span_count)
            .bind(self.resource_id)
            .bind(self.received_ns)
            .execute(connection)
            .await?;
        Ok(())
    }
}

/// Formats the numbers as the literal of a multirange: `{[0,3),[5,6)}`.
fn ranges(mut numbers: Vec<i64>) -> String {
    numbers.sort_unstable();
    numbers.dedup();
    let mut literal = String::from("{");
    for run in numbers.chunk_by(|a, b| a + 1 == *b) {
        let comma = if literal.len() == 1 { "" } else { "," };
        let (first, end) = (run[0], run[0] + run.len() as i64);
        // Writing to a string cannot fail.
        let _ = write!(literal, "{comma}[{first},{end})");
    }
    literal.push('}');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_joined_into_ranges_in_any_order() {
        assert_eq!(ranges(vec![5, 0, 2, 1, 5]), "{[0,3),[5,6)}");
        assert_eq!(ranges(Vec::new()), "{}");
    }

    #[test]
    fn a_number_that_no_process_reaches_is_ignored() {
        assert_eq!(number(7), Some(7));
        assert_eq!(number(1 << 53), None);
        assert_eq!(number(u64::MAX), None);
    }
}
