//! The parameters of the live view.

use axum::extract::RawQuery;
use throughline_model::page::decode_limit;
use throughline_model::{Parameters, TraceFilter, ids};
use throughline_wire::TraceId;

use crate::api::decode;
use crate::problem::Problem;

/// The traces that a live view subscribes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SubscriptionScope {
    /// The traces that match a filter.
    Filtered(Box<TraceFilter>),
    /// One trace, at any start time.
    Trace(TraceId),
}

/// The parameters of a live view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LiveRequest {
    /// The traces of the subscription.
    pub(super) scope: SubscriptionScope,
    /// The most traces per event. The newest are sent, the rest are counted.
    pub(super) limit: usize,
}

impl LiveRequest {
    /// The largest limit, and the default.
    const MAX_LIMIT: u32 = 2_500;

    /// Parses `trace_id` alone, or the filter and `limit`.
    pub(super) fn parse(query: &RawQuery) -> Result<Self, Problem> {
        decode(query, Self::decode)
    }

    fn decode(parameters: &mut Parameters<'_>) -> Self {
        let trace_id = parameters.parsed("trace_id", ids::parse_trace_id);
        let filter = TraceFilter::decode(parameters);
        let limit = decode_limit(parameters, Self::MAX_LIMIT);
        if parameters.has("trace_id") && (filter != TraceFilter::default() || limit.is_some()) {
            let detail = "selects one trace and cannot be combined with other parameters";
            parameters.fault("trace_id", detail);
        }
        let limit = limit.unwrap_or(Self::MAX_LIMIT) as usize;
        match trace_id {
            Some(id) => Self {
                scope: SubscriptionScope::Trace(id),
                limit: 1,
            },
            None => Self {
                scope: SubscriptionScope::Filtered(Box::new(filter)),
                limit,
            },
        }
    }
}
