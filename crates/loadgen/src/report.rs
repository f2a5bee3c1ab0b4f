//! The counts of a run and its report.

use std::time::Duration;

use anyhow::{Result, bail};
use http::StatusCode;
use serde_json::json;

use super::plan::Plan;

/// The counts of one client, or of all.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// The number of spans. Each request counts once, regardless of retries.
    pub(super) sent: u64,
    pub(super) accepted: u64,
    pub(super) duplicate: u64,
    pub(super) rejected: u64,
    pub(super) refused: u64,
    /// The bytes of request bodies, including retries.
    pub(super) bytes: u64,
    /// The number of responses with status 429 or 503.
    pub(super) asked_to_wait: u64,
    /// The number of attempts without a response.
    pub(super) broken: u64,
    pub(super) first_refusal: Option<StatusCode>,
    /// The latencies of the accepted attempts.
    pub(super) latencies: Vec<Duration>,
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.accepted += other.accepted;
        self.duplicate += other.duplicate;
        self.rejected += other.rejected;
        self.refused += other.refused;
        self.bytes += other.bytes;
        self.asked_to_wait += other.asked_to_wait;
        self.broken += other.broken;
        self.first_refusal = self.first_refusal.or(other.first_refusal);
        self.latencies.extend(other.latencies);
    }
}

/// The report of a run.
#[derive(Debug)]
pub struct Report {
    tally: Tally,
    /// The number of different valid spans of the plan. A server stores this many after the run.
    distinct: u64,
    requests: u64,
    elapsed: Duration,
    cpu_s: Option<f64>,
}

impl Report {
    pub(super) fn new(plan: &Plan, mut tally: Tally, elapsed: Duration) -> Self {
        tally.latencies.sort_unstable();
        Self {
            distinct: plan.distinct(),
            requests: plan.jobs(),
            tally,
            elapsed,
            cpu_s: own_cpu_s(),
        }
    }

    /// Returns the given percentile of the request latencies, in ms.
    fn latency_ms(&self, percent: usize) -> f64 {
        let count = self.tally.latencies.len();
        let at = (count * percent).div_ceil(100).saturating_sub(1);
        let latency = self.tally.latencies.get(at);
        latency.map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
    }

    fn per_second(&self) -> f64 {
        let committed = self.tally.accepted + self.tally.duplicate;
        committed as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Returns the report as text, or as one line of JSON.
    pub fn text(&self, as_json: bool) -> String {
        let Tally {
            sent,
            accepted,
            duplicate,
            rejected,
            refused,
            bytes,
            asked_to_wait,
            broken,
            ..
        } = self.tally;
        let [p50, p95, p99] = [50, 95, 99].map(|percent| self.latency_ms(percent));
        if as_json {
            return json!({
                "sent": sent, "accepted": accepted, "duplicate": duplicate, "rejected": rejected,
                "refused": refused, "distinct": self.distinct, "requests": self.requests,
                "bytes": bytes, "asked_to_wait": asked_to_wait, "broken": broken,
                "elapsed_s": self.elapsed.as_secs_f64(), "spans_per_second": self.per_second(),
                "p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "generator_cpu_s": self.cpu_s,
            })
            .to_string();
        }
        let cpu = self.cpu_s.map_or(String::new(), |cpu_s| {
            format!(
                ", {:.2} us of the generator's CPU",
                cpu_s / sent.max(1) as f64 * 1e6
            )
        });
        format!(
            "sent {sent} spans = {accepted} accepted + {duplicate} duplicate + {rejected} rejected + \
             {refused} refused\n{:.0} spans/s committed over {:.2} s; {} requests took p50 {p50:.1} ms, \
             p95 {p95:.1} ms, p99 {p99:.1} ms; {asked_to_wait} responses of 429 or 503, {broken} \
             attempts without a response\n{bytes} bytes, {} a span{cpu}",
            self.per_second(),
            self.elapsed.as_secs_f64(),
            self.requests,
            bytes / sent.max(1),
        )
    }

    /// Checks that every span is accounted for and none was refused.
    ///
    /// # Errors
    /// Spans are unaccounted for or were refused.
    pub fn check(&self) -> Result<()> {
        let tally = &self.tally;
        let known = tally.accepted + tally.duplicate + tally.rejected + tally.refused;
        if known != tally.sent {
            bail!("of {} spans sent {known} are accounted for", tally.sent);
        }
        match tally.first_refusal {
            Some(status) => bail!("{} spans were refused, first with {status}", tally.refused),
            None if tally.refused > 0 => bail!("{} spans timed out", tally.refused),
            None => Ok(()),
        }
    }
}

/// Returns the CPU time (user and system) of this process in seconds; Linux only.
fn own_cpu_s() -> Option<f64> {
    // Fields 14 and 15 are in ticks of 1/100 s. Count them after the process name, which may
    // contain any character.
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    Some(
        ticks
            .filter_map(|ticks| ticks.parse::<f64>().ok())
            .sum::<f64>()
            / 100.0,
    )
}
