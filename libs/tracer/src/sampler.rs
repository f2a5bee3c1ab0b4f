//! Decides which traces are recorded.

use throughline_wire::TraceId;

/// The sampling mode of a service (`TRACING_MODE`).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Mode {
    /// Records nothing; a span costs one branch.
    Off,
    /// Records every trace that starts here and every trace that its caller records. The default.
    #[default]
    Dev,
    /// Records the given share (0 to 1) of the traces that start here, and every trace that its
    /// caller records.
    Sampled(f64),
}

impl Mode {
    /// Returns true if a trace that starts here is recorded. The id alone decides, so all services
    /// with the same rate agree (W3C Trace Context level 2: the last 56 bits are random).
    pub(crate) fn records(self, trace_id: TraceId) -> bool {
        match self {
            Self::Off => false,
            Self::Dev => true,
            Self::Sampled(rate) => {
                let random = u128::from_be_bytes(trace_id.to_bytes()) as u64 & ((1 << 56) - 1);
                random < (rate * 2_f64.powi(56)) as u64
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_rate_selects_its_share_of_traces() {
        let recorded = |rate| {
            (0..20_000)
                .filter(|_| Mode::Sampled(rate).records(crate::ids::trace_id()))
                .count()
        };
        assert_eq!(recorded(0.0), 0);
        assert_eq!(recorded(1.0), 20_000);
        // The range is ten standard deviations on either side of 5,000.
        assert!((4_400..5_600).contains(&recorded(0.25)));
    }

    #[test]
    fn two_services_with_one_rate_sample_the_same_traces() {
        let id: TraceId = "4bf92f3577b34da600ffffffffffffff".parse().expect("an id");
        assert!(!Mode::Sampled(0.5).records(id));
        let id: TraceId = "4bf92f3577b34da6007fffffffffffff".parse().expect("an id");
        assert!(Mode::Sampled(0.5).records(id));
    }
}
