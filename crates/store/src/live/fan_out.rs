//! Looks up announced traces, once for all subscribers of a tenant and at most every 100 ms, and
//! sends them to the subscribers.

use std::time::Duration;

use throughline_model::{LagReason, LiveEvent, LiveLag};
use tokio::time::{Instant, sleep_until};

use super::Live;
use super::pending::FanOutBatch;
use crate::in_time::read_within;
use crate::reader;

/// The least time between two look-ups; traces that are announced in between are looked up
/// together.
const EVERY: Duration = Duration::from_millis(100);

/// Sends events to subscribers for as long as it is polled.
pub(super) async fn look_up(live: &Live) {
    let mut not_before = Instant::now();
    loop {
        live.pending.wait().await;
        sleep_until(not_before).await;
        not_before = Instant::now() + EVERY;
        for batch in live.pending.take() {
            tell(live, batch).await;
        }
    }
}

async fn tell(live: &Live, batch: FanOutBatch) {
    let FanOutBatch {
        tenant,
        traces,
        missed,
    } = batch;
    // All subscribers may have left since the announcement.
    if !live.feed.has_subscriber(tenant) {
        return;
    }
    let lag = |missed, reason| {
        if missed > 0 {
            metrics::counter!("throughline_live_missed_traces_total").increment(missed);
            live.feed
                .tell(tenant, LiveEvent::Lag(LiveLag { missed, reason }));
        }
    };
    lag(missed, LagReason::Overflow);
    if traces.is_empty() {
        return;
    }
    let summaries = reader::summaries(&live.pool, tenant, &traces, live.clock.now());
    match read_within(live.answer_timeout, summaries).await {
        // Retention may have removed all of them in between.
        Ok(summaries) if summaries.is_empty() => {}
        Ok(summaries) => {
            metrics::counter!("throughline_live_traces_total").increment(summaries.len() as u64);
            live.feed.tell(tenant, LiveEvent::Traces(summaries.into()));
        }
        // The reader has logged the reason.
        Err(_) => lag(traces.len() as u64, LagReason::Unreadable),
    }
}
