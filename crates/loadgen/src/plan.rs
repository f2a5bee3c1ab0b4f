//! The plan of a run: the time and ids of each span, as a pure function of the seed.

use throughline_wire::UnixNanos;

use super::LoadOptions;

/// The number of spans of an ordinary trace.
pub(super) const TRACE: u64 = 10;
/// The number of spans of a large trace.
const LARGE_TRACE: u64 = 10_000;
/// The time from the start of one span to the start of the next, in ns.
const STEP_NS: i64 = 100_000;
/// The default time between the start of the first span and now, in ns.
const HEAD_START_NS: i64 = UnixNanos::PER_MINUTE;

/// Returns the result of one step of `SplitMix64` (Steele et al. 2014). This hash is random enough
/// for ids.
const fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A generator of numbers from a seed.
#[derive(Debug, Clone)]
pub(super) struct Draw(u64);

impl Draw {
    pub(super) const fn seeded(seed: u64) -> Self {
        Self(mix(seed))
    }

    /// Returns a number below `bound`.
    pub(super) const fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0) % bound
    }
}

/// The ids and times of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) trace_id: u128,
    pub(super) span_id: u64,
    /// The parent; unused for a root span.
    pub(super) parent_id: u64,
    pub(super) start_ns: i64,
    pub(super) end_ns: i64,
}

/// The plan of a run.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    seed: u64,
    begin_ns: i64,
    requests: u64,
    per_request: u64,
    /// Every n-th span is late; the same form applies to malformed spans and repeated requests.
    late_every: Option<u64>,
    malformed_every: Option<u64>,
    duplicate_every: Option<u64>,
    large_trace_every: Option<u64>,
}

fn every(percent: f64) -> Option<u64> {
    (percent > 0.0).then(|| ((100.0 / percent).round() as u64).max(1))
}

impl Plan {
    pub(super) fn new(options: &LoadOptions, now: UnixNanos) -> Self {
        let per_request = u64::from(options.per_request.get()).next_multiple_of(TRACE);
        Self {
            seed: mix(options.seed),
            begin_ns: options
                .begin_ns
                .unwrap_or_else(|| now.get().saturating_sub(HEAD_START_NS)),
            requests: options.spans.get().div_ceil(per_request),
            per_request,
            late_every: every(options.late_percent),
            malformed_every: every(options.malformed_percent),
            duplicate_every: every(options.duplicate_percent),
            large_trace_every: (options.large_trace_every > 0).then_some(options.large_trace_every),
        }
    }

    pub(super) const fn spans_per_request(&self) -> u64 {
        self.per_request
    }

    /// Returns the number of different requests.
    pub(super) const fn requests(&self) -> u64 {
        self.requests
    }

    /// Returns the number of requests sent, including repeated ones.
    pub(super) fn jobs(&self) -> u64 {
        let again = self
            .duplicate_every
            .map_or(0, |every| self.requests / every);
        self.requests + again
    }

    /// Returns the request that is sent as number `job`. After every `duplicate_every` requests,
    /// the last one is sent again.
    pub(super) fn request_of(&self, job: u64) -> u64 {
        match self.duplicate_every {
            Some(every) => job - job / (every + 1) - u64::from(job % (every + 1) == every),
            None => job,
        }
    }

    /// Returns the number of different spans that a server stores after the whole run.
    pub(super) fn distinct(&self) -> u64 {
        let all = self.requests * self.per_request;
        all - self.malformed_every.map_or(0, |every| all / every)
    }

    /// Reports whether the span at this index of its request is a root.
    pub(super) const fn is_root(at: u64) -> bool {
        at.is_multiple_of(TRACE)
    }

    /// Returns the ids and times of the span at index `at` of `request`.
    pub(super) fn identity(&self, request: u64, at: u64) -> Identity {
        let number = request * self.per_request + at;
        // A late span belongs to the previous request's trace. A root span is never late.
        let is_late = request > 0
            && !Self::is_root(at)
            && self
                .late_every
                .is_some_and(|every| number % every == every - 1);
        let home = if is_late { request - 1 } else { request };
        let start_ns = self.begin_ns + (home * self.per_request + at) as i64 * STEP_NS;
        let is_malformed = self
            .malformed_every
            .is_some_and(|every| number % every == every - 1);
        let root = at - at % TRACE;
        Identity {
            trace_id: if is_malformed {
                0
            } else {
                self.trace_id(home * self.per_request + root)
            },
            span_id: self.span_id(number),
            parent_id: self.span_id(home * self.per_request + root),
            start_ns,
            end_ns: start_ns + (mix(number ^ self.seed) % 50_000_000) as i64,
        }
    }

    fn span_id(&self, number: u64) -> u64 {
        // Zero is not a valid id.
        mix(self.seed ^ mix(number)) | 1
    }

    /// Returns the trace id for the ten spans that begin with the span of this number.
    fn trace_id(&self, number: u64) -> u128 {
        let large = self
            .large_trace_every
            .filter(|every| number % every < LARGE_TRACE);
        let trace = large.map_or(number, |every| number - number % every);
        let half = |salt: u64| u128::from(mix(self.seed ^ salt ^ mix(trace)));
        half(0x7472_6163_6500_0000) << 64 | half(0x6964_0000_0000_0000) | 1
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    fn plan() -> Plan {
        Plan {
            seed: 7,
            begin_ns: 1_795_269_600_000_000_000,
            requests: 400,
            per_request: 100,
            late_every: Some(20),
            malformed_every: Some(1_000),
            duplicate_every: Some(100),
            large_trace_every: Some(20_000),
        }
    }

    #[test]
    fn every_request_is_sent_and_each_hundredth_twice() {
        let plan = plan();
        let mut times = HashMap::new();
        for job in 0..plan.jobs() {
            *times.entry(plan.request_of(job)).or_insert(0) += 1;
        }
        assert_eq!(times.len() as u64, plan.requests);
        assert!(times.keys().all(|request| *request < plan.requests));
        assert_eq!(times.values().filter(|times| **times == 2).count(), 4);
        assert_eq!(times.values().sum::<u64>(), plan.jobs());
    }

    #[test]
    fn ids_are_distinct_and_shares_match_the_options() {
        let plan = plan();
        let (mut spans, mut traces, mut malformed, mut late) =
            (HashSet::new(), HashMap::new(), 0, 0);
        for request in 0..plan.requests {
            for at in 0..plan.per_request {
                let span = plan.identity(request, at);
                assert_eq!(span, plan.identity(request, at));
                assert!(spans.insert(span.span_id));
                malformed += u64::from(span.trace_id == 0);
                late += u64::from(at > 0 && span.start_ns < plan.identity(request, 0).start_ns);
                *traces.entry(span.trace_id).or_insert(0_u64) += 1;
            }
        }
        assert_eq!((malformed, late), (40, 399 * 5));
        assert_eq!(plan.distinct(), 40_000 - malformed);
        let mut sizes: Vec<u64> = traces.into_values().collect();
        sizes.sort_unstable();
        assert!(sizes.iter().rev().take(2).all(|size| *size > 9_900));
        assert_eq!(sizes[sizes.len() / 2], 10);
    }
}
