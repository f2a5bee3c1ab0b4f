//! The subscribers of each tenant, each with a bounded queue of events.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use throughline_model::{BoxFuture, LagReason, LiveEvent, LiveFeed, LiveLag, LiveSubscription};
use throughline_wire::TenantId;
use tokio::sync::{Notify, broadcast};

/// The most events in the queue of a subscriber. With one event each 100 ms, a subscriber may stall
/// for six seconds.
const WAITING: usize = 64;

/// The subscribers of every tenant.
#[derive(Debug, Default)]
pub(super) struct Feed {
    state: Mutex<State>,
    subscribed: Notify,
}

#[derive(Debug, Default)]
struct State {
    is_listening: bool,
    has_ended: bool,
    of: HashMap<[u8; 16], Channel>,
}

#[derive(Debug)]
struct Channel {
    sender: broadcast::Sender<FanOutEvent>,
    /// The number of traces sent so far.
    traces: u64,
}

/// An event with the number of traces sent before it. A subscriber that misses events calculates
/// from it how many traces it missed.
#[derive(Debug, Clone)]
struct FanOutEvent {
    before: u64,
    event: LiveEvent,
}

fn traces_of(event: &LiveEvent) -> u64 {
    match event {
        LiveEvent::Traces(traces) => traces.len() as u64,
        LiveEvent::Lag(lag) => lag.missed,
        LiveEvent::Listening | LiveEvent::Reconnecting => 0,
    }
}

impl Channel {
    fn tell(&mut self, event: LiveEvent) {
        let before = self.traces;
        self.traces = before.saturating_add(traces_of(&event));
        // Sending fails when the last subscriber has just left.
        let _ = self.sender.send(FanOutEvent { before, event });
    }
}

impl State {
    fn has_subscribers(&self) -> bool {
        self.of
            .values()
            .any(|channel| channel.sender.receiver_count() > 0)
    }
}

impl Feed {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn subscribe(&self, tenant: [u8; 16]) -> Subscription {
        let mut state = self.state();
        let channel = state.of.entry(tenant).or_insert_with(|| Channel {
            sender: broadcast::Sender::new(WAITING),
            traces: 0,
        });
        let mut subscription = Subscription {
            seen: channel.traces,
            receiver: channel.sender.subscribe(),
            next: VecDeque::new(),
        };
        if state.is_listening {
            subscription.next.push_back(LiveEvent::Listening);
        }
        if state.has_ended {
            state.of.clear();
        }
        drop(state);
        self.subscribed.notify_one();
        subscription
    }

    /// Waits until there is a subscriber.
    pub(super) async fn wait_for_subscriber(&self) {
        while !self.state().has_subscribers() {
            self.subscribed.notified().await;
        }
    }

    /// Returns whether there is any subscriber.
    pub(super) fn has_subscribers(&self) -> bool {
        self.state().has_subscribers()
    }

    /// Returns whether `tenant` has a subscriber.
    pub(super) fn has_subscriber(&self, tenant: [u8; 16]) -> bool {
        let state = self.state();
        let channel = state.of.get(&tenant);
        channel.is_some_and(|channel| channel.sender.receiver_count() > 0)
    }

    /// Sends an event to the subscribers of `tenant`.
    pub(super) fn tell(&self, tenant: [u8; 16], event: LiveEvent) {
        if let Some(channel) = self.state().of.get_mut(&tenant) {
            channel.tell(event);
        }
    }

    /// Notifies all subscribers when the listener connects or loses its connection.
    pub(super) fn set_listening(&self, is_listening: bool) {
        let mut state = self.state();
        if state.is_listening == is_listening {
            return;
        }
        state.is_listening = is_listening;
        for channel in state.of.values_mut() {
            channel.tell(if is_listening {
                LiveEvent::Listening
            } else {
                LiveEvent::Reconnecting
            });
        }
    }

    /// Removes all tenants when there is no subscriber; returns whether there is none. A later
    /// subscriber waits for the next connection.
    pub(super) fn rest(&self) -> bool {
        let mut state = self.state();
        let is_idle = !state.has_subscribers();
        if is_idle {
            state.is_listening = false;
            state.of.clear();
        }
        is_idle
    }

    /// Ends every subscription, also future ones.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.has_ended = true;
        state.is_listening = false;
        state.of.clear();
    }
}

/// The feed of one tenant.
pub(super) struct TenantFeed {
    feed: Arc<Feed>,
    tenant: [u8; 16],
}

impl TenantFeed {
    pub(super) fn new(feed: Arc<Feed>, tenant: TenantId) -> Self {
        Self {
            feed,
            tenant: tenant.to_bytes(),
        }
    }
}

impl LiveFeed for TenantFeed {
    fn subscribe(&self) -> Box<dyn LiveSubscription> {
        Box::new(self.feed.subscribe(self.tenant))
    }
}

struct Subscription {
    receiver: broadcast::Receiver<FanOutEvent>,
    /// The number of traces that this subscriber received or is known to have missed, by the count
    /// of the channel.
    seen: u64,
    /// Events that are delivered before the next event of the channel.
    next: VecDeque<LiveEvent>,
}

impl Subscription {
    /// Takes an event from the channel. Traces between it and the previous event were missed.
    fn take(&mut self, fan_out: FanOutEvent, has_lagged: bool) {
        let missed = fan_out.before.saturating_sub(self.seen);
        self.seen = fan_out.before.saturating_add(traces_of(&fan_out.event));
        if has_lagged {
            self.next.push_back(LiveEvent::Lag(LiveLag {
                missed,
                reason: LagReason::Slow,
            }));
        }
        self.next.push_back(fan_out.event);
    }
}

impl LiveSubscription for Subscription {
    fn next(&mut self) -> BoxFuture<'_, Option<LiveEvent>> {
        Box::pin(async move {
            let mut has_lagged = false;
            while self.next.is_empty() {
                match self.receiver.recv().await {
                    Ok(fan_out) => self.take(fan_out, has_lagged),
                    Err(broadcast::error::RecvError::Lagged(_)) => has_lagged = true,
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
            self.next.pop_front()
        })
    }
}

#[cfg(test)]
mod tests {
    use throughline_testkit::{Ids, shop_trace, summaries_of};

    use super::*;

    const TENANT: [u8; 16] = [1; 16];

    fn one_trace(seed: u64) -> LiveEvent {
        LiveEvent::Traces(summaries_of(&shop_trace(&mut Ids::seeded(seed))).into())
    }

    #[tokio::test]
    async fn a_slow_subscriber_gets_the_number_of_missed_traces() {
        let feed = Feed::default();
        let mut slow = feed.subscribe(TENANT);
        feed.set_listening(true);
        for seed in 0..WAITING as u64 + 9 {
            feed.tell(TENANT, one_trace(seed));
        }
        // The oldest event, which was dropped first, was the notice that the listener is connected.
        let lag = slow.next().await;
        let missed = 9;
        let reason = LagReason::Slow;
        assert_eq!(lag, Some(LiveEvent::Lag(LiveLag { missed, reason })));
        assert_eq!(slow.next().await, Some(one_trace(9)));
        assert_eq!(slow.next().await, Some(one_trace(10)));
    }

    #[tokio::test]
    async fn a_tenant_receives_nothing_of_another() {
        let feed = Feed::default();
        feed.set_listening(true);
        let (mut mine, mut other) = (feed.subscribe(TENANT), feed.subscribe([2; 16]));
        feed.tell(TENANT, one_trace(1));
        feed.end();
        assert_eq!(mine.next().await, Some(LiveEvent::Listening));
        assert_eq!(mine.next().await, Some(one_trace(1)));
        assert_eq!(mine.next().await, None);
        assert_eq!(other.next().await, Some(LiveEvent::Listening));
        assert_eq!(other.next().await, None);
    }

    #[tokio::test]
    async fn a_subscription_after_the_end_ends_at_once() {
        let feed = Feed::default();
        feed.end();
        assert_eq!(feed.subscribe(TENANT).next().await, None);
    }

    #[test]
    fn the_feed_is_idle_only_without_subscribers() {
        let feed = Feed::default();
        let subscription = feed.subscribe(TENANT);
        assert!(!feed.rest());
        assert!(feed.has_subscriber(TENANT));
        drop(subscription);
        assert!(feed.rest());
        assert!(!feed.has_subscriber(TENANT));
    }
}
