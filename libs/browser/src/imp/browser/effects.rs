//! The effects of a state change. They are carried out after the state is released.

use super::js;
use super::state::{OpenSpan, State, Visibility};
use crate::rules::outbox::{Next, Parcel};

/// The longest time that an ended span waits before it is sent, in ms.
const FLUSH_EVERY_MS: f64 = 5_000.0;

/// The interval of heartbeats while the page has announced open spans, in ms. The collector treats
/// a page as lost after 30 s without a batch.
const HEARTBEAT_MS: f64 = 10_000.0;

/// The timer that checks whether an interaction is over.
pub(super) const LOOK: u32 = 0;
/// The timer that sends a batch.
pub(super) const FLUSH: u32 = 1;

/// The timers to set and the requests to send.
#[derive(Default)]
pub(super) struct Effects {
    look_ms: Option<f64>,
    flush_ms: Option<f64>,
    parcels: Vec<Parcel>,
    url: String,
}

impl Effects {
    /// Sets the timers and sends the requests.
    pub(super) fn carry_out(self) {
        if let Some(ms) = self.look_ms {
            js::after(ms, LOOK);
        }
        if let Some(ms) = self.flush_ms {
            js::after(ms, FLUSH);
        }
        for parcel in self.parcels {
            js::send(parcel.id, &self.url, &parcel.body, parcel.keepalive);
        }
    }
}

impl State {
    /// Returns the effects that the current state requires.
    pub(super) fn effects(&mut self, now_ms: f64) -> Effects {
        let mut effects = Effects::default();
        let watched =
            self.interaction.is_some() || self.page.as_ref().is_some_and(|page| !page.has_ended());
        if watched && !self.look_armed {
            effects.look_ms = self.check(now_ms);
            self.look_armed = effects.look_ms.is_some();
        }
        self.deliver(now_ms, &mut effects);
        if !effects.parcels.is_empty() {
            effects.url.clone_from(&self.collector_url);
        }
        effects
    }

    fn deliver(&mut self, now_ms: f64, effects: &mut Effects) {
        let mut wait_ms = FLUSH_EVERY_MS;
        if self.visibility != Visibility::Visible {
            self.announce(now_ms);
            let sent_at = self.anchor.stamp(now_ms);
            let leaving = self.visibility == Visibility::Leaving;
            while let Some(parcel) = self.outbox.next_at_unload(sent_at, leaving) {
                effects.parcels.push(parcel);
            }
            self.flush_due = self.visibility == Visibility::Hidden;
        }
        if self.flush_due || self.outbox.is_full() {
            // The rest follows after the response to this request.
            self.flush_due = true;
            self.announce(now_ms);
            let heartbeat = now_ms - self.sent_ms >= HEARTBEAT_MS
                && self.open.iter().any(OpenSpan::is_announced);
            match (self.outbox).next(now_ms, self.anchor.stamp(now_ms), heartbeat) {
                Next::Send(parcel) => effects.parcels.push(parcel),
                Next::Wait(ms) => wait_ms = ms,
                Next::Rest => {}
            }
        }
        if !effects.parcels.is_empty() {
            self.sent_ms = now_ms;
        }
        if self.outbox.is_empty() {
            self.flush_due = false;
        }
        // An open span has to be announced later, and the heartbeats have to continue.
        let is_waiting = !self.outbox.is_empty() || !self.open.is_empty();
        if is_waiting && !self.flush_armed {
            self.flush_armed = true;
            effects.flush_ms = Some(wait_ms);
        }
    }
}
